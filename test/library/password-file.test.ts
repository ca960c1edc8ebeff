import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type HtgateError, openPasswordFile } from '../../src/index.js'
import { lock } from '../../src/passwd-file/store/lock.js'
import { openFolder } from '../../src/system/folder.js'
import { temporaryFolder } from '../support/folder.js'
import { htpasswd } from '../support/run.js'

const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' // `secret`
const APR1 = '$apr1$saltsalt$cRlL9v0/D0UIunsy.q8Vk0'
const CHEAP = { cost: 4 }

function fileWith(content: string, encoding: BufferEncoding = 'utf8'): string {
  const path = join(temporaryFolder(), '.htpasswd')
  writeFileSync(path, content, encoding)
  return path
}

const content = (path: string) => readFileSync(path, 'latin1')

describe('reading', () => {
  test('returns a user’s record, with the data in its hash', async () => {
    const file = await openPasswordFile(fileWith(`ann:${SHA}\nbob:$2y$12$short\n`))
    expect(file.get('ann')).toEqual({ user: 'ann', encoded: SHA, scheme: 'sha1', strength: 'broken' })
    expect(file.get('bob')).toEqual({ user: 'bob', encoded: '$2y$12$short' })
    expect(file.get('eve')).toBeUndefined()
  })

  test('lists all records in order, including duplicates, and nothing else', async () => {
    const file = await openPasswordFile(fileWith(`# users\nbob:${SHA}\nnonsense\n\nann:${APR1}:x\nbob:x\n`))
    expect(file.list().map(({ user, encoded }) => [user, encoded])).toEqual([
      ['bob', SHA],
      ['ann', APR1],
      ['bob', 'x'],
    ])
    expect(file.get('bob')?.encoded).toBe(SHA)
  })

  test('verifies a user’s password', async () => {
    const file = await openPasswordFile(fileWith(`ann:${SHA}\n`))
    expect(await file.verify('ann', 'secret')).toBe(true)
    expect(await file.verify('ann', 'wrong')).toBe(false)
    expect(await file.verify('eve', 'secret')).toBe(false)
  })
})

describe('editing', () => {
  test('takes effect at once, and in the file when it is saved', async () => {
    const path = fileWith(`ann:${SHA}\nbob:${SHA}\n`)
    const file = await openPasswordFile(path)
    await file.set('ann', 'new', CHEAP)
    await file.set('carl', 'other', CHEAP)
    expect(file.delete('bob')).toBe(true)
    expect(file.delete('bob')).toBe(false)

    expect(file.list().map(({ user }) => user)).toEqual(['ann', 'carl'])
    expect(await file.verify('ann', 'new')).toBe(true)
    expect(content(path)).toBe(`ann:${SHA}\nbob:${SHA}\n`)

    await file.save()
    expect(content(path)).toMatch(/^ann:\$2y\$04\$.*\ncarl:\$2y\$04\$.*\n$/)
    expect((await htpasswd(['-vb', path, 'carl', 'other'])).status).toBe(0)
  })

  test('keeps every other byte', async () => {
    const before = `# J\xfcrgen’s\r\n\n \tann:${SHA}\r\nnonsense\nbob:x:y\nJ\xfcrgen:z\nann:again`
    const path = fileWith(before, 'latin1')
    const file = await openPasswordFile(path)
    file.setEncoded('bob', APR1)
    file.setEncoded('carl', SHA)
    await file.save()
    expect(content(path)).toBe(
      `${Buffer.from(before.replace('bob:x:y', `bob:${APR1}`), 'latin1').toString('latin1')}\ncarl:${SHA}\n`,
    )
  })

  test('replaces or deletes every record of a user', async () => {
    const path = fileWith(`ann:x\nbob:y\nann:z\nbob:y`)
    const file = await openPasswordFile(path)
    file.setEncoded('ann', SHA)
    file.delete('bob')
    await file.save()
    expect(content(path)).toBe(`ann:${SHA}\nann:${SHA}\n`)
  })

  test('applies to the file’s current content, so that others’ edits are kept', async () => {
    const path = fileWith('')
    const files = await Promise.all(Array.from({ length: 8 }, () => openPasswordFile(path)))
    files.forEach((file, i) => {
      file.setEncoded(`user${i}`, SHA)
    })
    await Promise.all([...files.map((file) => file.save()), htpasswd(['-bs', path, 'other', 'secret'])])
    const users = (await openPasswordFile(path)).list().map(({ user }) => user)
    expect(users.sort()).toEqual(['other', ...files.map((_, i) => `user${i}`)])
    expect(readdirSync(dirname(path))).toEqual(['.htpasswd'])
  })

  test('continues after saving', async () => {
    const path = fileWith('')
    const file = await openPasswordFile(path)
    file.setEncoded('ann', SHA)
    await file.save()
    file.setEncoded('bob', SHA)
    file.delete('ann')
    await file.save()
    await file.save()
    expect(content(path)).toBe(`bob:${SHA}\n`)
  })

  test('keeps the file’s mode', async () => {
    const path = fileWith('')
    chmodSync(path, 0o640)
    const file = await openPasswordFile(path)
    file.setEncoded('ann', SHA)
    await file.save()
    expect(statSync(path).mode & 0o777).toBe(0o640)
  })

  test('saves are carried out in order, even if they have to wait for the lock', async () => {
    const path = fileWith('')
    const folder = openFolder(dirname(path))
    for (let i = 0; i < 10; i++) {
      const held = await lock({ folder, prefix: '..htpasswd.htpasswd', admits: () => true })
      const file = await openPasswordFile(path)
      const saves = ['first', 'second', 'third'].map((password) => {
        file.setEncoded('bob', `{PLAIN}${password}`)
        return file.save()
      })
      held.release()
      await Promise.all(saves)
      expect(content(path)).toBe('bob:{PLAIN}third\n')
    }
    folder.close()
  })
})

describe('a new file', () => {
  test('is created by saving, with or without users', async () => {
    const path = join(temporaryFolder(), '.htpasswd')
    const file = await openPasswordFile(path, { create: true })
    expect(file.list()).toEqual([])
    await file.save()
    expect(content(path)).toBe('')
    file.setEncoded('ann', SHA)
    await file.save()
    expect(content(path)).toBe(`ann:${SHA}\n`)
  })

  test('created by two at once has the records of both', async () => {
    const path = join(temporaryFolder(), '.htpasswd')
    const files = await Promise.all(['ann', 'bob'].map(() => openPasswordFile(path, { create: true })))
    files[0]?.setEncoded('ann', SHA)
    files[1]?.setEncoded('bob', SHA)
    await Promise.all(files.map((file) => file.save()))
    expect(content(path).split('\n').sort()).toEqual(['', `ann:${SHA}`, `bob:${SHA}`])
  })
})

describe('errors', () => {
  const codeOf = (action: Promise<unknown>) =>
    action.then(
      () => 'none',
      (error: HtgateError) => error.code,
    )

  test.each([
    ['', 'username is empty'],
    ['a:b', "username contains illegal character ':'"],
    ['a\nb', 'username contains a control character'],
    [' a', 'username starts with a space'],
    ['#a', "username starts with '#', which makes the record a comment"],
  ])('no record is written for a user named %j', async (user, message) => {
    const file = await openPasswordFile(fileWith(''))
    await expect(file.set(user, 'secret', CHEAP)).rejects.toMatchObject({ code: 'ERR_USER', message })
    expect(() => file.setEncoded(user, SHA)).toThrow(message)
  })

  test('no record is written that Apache’s htpasswd would read as two', async () => {
    const file = await openPasswordFile(fileWith(''))
    expect(() => file.setEncoded('x'.repeat(250), SHA)).toThrow('longer than 254 bytes')
  })

  test.each(['plaintext', '$2y$10$short', `${SHA}\neve:${SHA}`, '{PLAIN}a:b', '{PLAIN}a\nb'])(
    'no record is written for the hash %j',
    async (encoded) => {
      const file = await openPasswordFile(fileWith(''))
      expect(() => file.setEncoded('ann', encoded)).toThrow('encoded must be a hash of a known scheme')
    },
  )

  test('file errors have a code', async () => {
    const folder = temporaryFolder()
    expect(await codeOf(openPasswordFile(join(folder, 'none')))).toBe('ERR_FILE_MISSING')
    expect(await codeOf(openPasswordFile(folder))).toBe('ERR_FILE_TYPE')
    expect(await codeOf(openPasswordFile(''))).toBe('ERR_OPTION')
  })

  test('if the folder is gone, the edits can still be saved later', async () => {
    const folder = join(temporaryFolder(), 'folder')
    const path = join(folder, '.htpasswd')
    const file = await openPasswordFile(path, { create: true })
    file.setEncoded('ann', SHA)
    await expect(file.save()).rejects.toMatchObject({
      code: 'ERR_FILE_MISSING',
      message: `cannot update ${path}: it does not exist`,
    })
    mkdirSync(folder)
    await file.save()
    expect(content(path)).toBe(`ann:${SHA}\n`)
  })
})
