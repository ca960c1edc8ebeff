import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { schemeNamed, schemeOf, schemes } from '../../src/schemes/index.js'

const secret = Buffer.from('secret')
const verify = (encoded: string, password: Uint8Array = secret) =>
  schemeOf(encoded)?.verify(password, encoded) ?? false

describe('records that never verify', () => {
  test.each([
    // Bare plaintext: Apache compares it through crypt(3).
    ['plaintext', 'secret'],
    ['eight letters of plaintext, not the thirteen of DES crypt', 'secret12'],
    ['nothing', ''],
    ['a salt of more than eight characters', '$apr1$saltsaltX$OvOAxnkM7L.CmQGuP3jeK.'],
    ['a truncated hash', '$apr1$t0YUgJum$E5TvRryEB4wVoXIPK2BJ2'],
    ['a hash followed by more text', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=='],
    ['a hash followed by a space', '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ= '],
    ['a prefix in lower case', '{sha}5en6G6MezRroT3XKqkdPOmY/BfQ='],
    ['too few rounds', '$5$rounds=999$Us8wfiuuh1JuBeag$WAO5W4JXJnmYLE2os5auL6FpHRF9cpKBHxllqRtiRC4'],
    ['too many rounds', '$5$rounds=1000000000$Us8wfiuuh1JuBeag$WAO5W4JXJnmYLE2os5auL6FpHRF9cpKBHxllqRtiRC4'],
    [
      'rounds with a leading zero',
      '$5$rounds=01000$Us8wfiuuh1JuBeag$WAO5W4JXJnmYLE2os5auL6FpHRF9cpKBHxllqRtiRC4',
    ],
    ['a cost below four', '$2y$03$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK'],
    ['a cost of one digit', '$2y$5$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK'],
    ['a digest without its salt', '{SSHA}5en6G6MezRroT3XKqkdPOmY='],
    ['{SSHA} with invalid base64', '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0!'],
    ['{PLAIN} with another password', '{PLAIN}secret '],
  ])('%s: %s', async (_, encoded) => {
    expect(await verify(encoded)).toBe(false)
  })

  test('any text: false, without an error', async () => {
    const marks = ['', '$apr1$', '$1$', '$2y$05$', '$2a$', '$5$', '$5$rounds=1000$', '$6$', '{SHA}', '{SSHA}']
    const encoded = fc
      .tuple(
        fc.constantFrom(...marks),
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 110 }),
          fc.stringMatching(/^[./0-9A-Za-z$=]{0,110}$/),
          fc.base64String({ maxLength: 60 }),
        ),
      )
      .map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(encoded, fc.uint8Array({ maxLength: 80 }), async (text, password) => {
        for (const scheme of schemes) {
          if (scheme.name === 'plain') continue
          expect(await scheme.verify(password, text)).toBe(false)
        }
      }),
    )
  })
})

describe('a scheme verifies only what it hashed', () => {
  const hashing = schemes.filter(({ hash }) => hash)

  test.each(hashing.map((scheme) => [scheme.name, scheme] as const))('%s', async (name, scheme) => {
    const password =
      name === 'bcrypt' ? fc.string({ unit: 'grapheme', maxLength: 30 }) : fc.string({ unit: 'binary' })
    await fc.assert(
      fc.asyncProperty(password, async (text) => {
        // Passwords have no NUL: bcrypt and crypt(3) end at it.
        const bytes = Buffer.from(text.replaceAll('\0', ''))
        const encoded = (await scheme.hash?.(bytes, scheme.work?.min)) as string
        expect(schemeOf(encoded)).toBe(scheme)
        expect(scheme.wellFormed(encoded)).toBe(true)
        expect(await scheme.verify(bytes, encoded)).toBe(true)
        expect(await scheme.verify(Buffer.concat([Buffer.from('x'), bytes]), encoded)).toBe(
          name === 'des-crypt' && /^(x{8})/.test(bytes.toString('latin1')),
        )
      }),
      { numRuns: 30 },
    )
  })

  test.each(['apr1', 'bcrypt', 'sha256-crypt', 'sha512-crypt', 'des-crypt'] as const)(
    '%s: each hash has a new salt',
    async (name) => {
      const encoded = await Promise.all(
        Array.from({ length: 20 }, () => schemeNamed(name).hash?.(secret, schemeNamed(name).work?.min)),
      )
      expect(new Set(encoded).size).toBeGreaterThan(name === 'des-crypt' ? 15 : 19)
    },
  )
})

describe('passwords are UTF-8 bytes, not characters', () => {
  test('composed and decomposed letters differ', async () => {
    for (const scheme of schemes) {
      if (!scheme.hash) continue
      const encoded = await scheme.hash(Buffer.from('\u00e9'))
      expect(await scheme.verify(Buffer.from('e\u0301'), encoded), scheme.name).toBe(false)
    }
  })

  test('{SHA} and {SSHA} accept any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array(),
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        async (password, salt) => {
          const digest = createHash('sha1').update(password).update(salt).digest()
          const encoded = `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
          expect(await verify(encoded, password)).toBe(true)
          expect(await verify(encoded, Buffer.concat([password, Buffer.from('x')]))).toBe(false)
        },
      ),
    )
  })

  test('bcrypt uses the first 72 bytes', async () => {
    const bcrypt = schemeNamed('bcrypt')
    const encoded = (await bcrypt.hash?.(Buffer.from(`${'я'.repeat(36)}a`), 4)) as string
    expect(await bcrypt.verify(Buffer.from(`${'я'.repeat(36)}b`), encoded)).toBe(true)
    expect(await bcrypt.verify(Buffer.from(`${'я'.repeat(35)}ab`), encoded)).toBe(false)
  })

  test('bcrypt rejects bytes that are not UTF-8', async () => {
    const bcrypt = schemeNamed('bcrypt')
    await expect(bcrypt.hash?.(Buffer.of(0xe9))).rejects.toThrow(TypeError)
    const encoded = '$2y$05$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK'
    expect(await bcrypt.verify(Buffer.of(0xe9), encoded)).toBe(false)
  })

  test('DES crypt uses eight bytes, and seven bits of each', async () => {
    const des = schemeNamed('des-crypt')
    expect(await des.verify(Buffer.from('secret'), 'wJlDSX/kBVCwU')).toBe(true)
    expect(
      await des.verify(
        Buffer.from('secret').map((byte) => byte | 0x80),
        'wJlDSX/kBVCwU',
      ),
    ).toBe(true)
    const encoded = (await des.hash?.(Buffer.from('secret12'))) as string
    expect(await des.verify(Buffer.from('secret123'), encoded)).toBe(true)
  })
})

describe('the cost read from a record', () => {
  test.each([
    ['$2y$05$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK', 5],
    ['$5$KvpZ5.YLa9uzCcoV$1BpEeb5JBQRQkhYqarwTGn0dSwXPll6jn8GLbbM8Ic8', 5000],
    ['$5$rounds=1000$Us8wfiuuh1JuBeag$WAO5W4JXJnmYLE2os5auL6FpHRF9cpKBHxllqRtiRC4', 1000],
    ['$2y$xx', undefined],
    ['$5$', undefined],
    ['{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=', undefined],
  ])('%s: %s', (encoded, work) => {
    expect(schemeOf(encoded)?.workOf?.(encoded)).toBe(work)
  })
})
