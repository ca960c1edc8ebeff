import { expect, test } from 'vitest'
import { type SchemeName, schemeNamed, schemeOf } from '../../src/schemes/index.js'
import { temporaryFolder } from '../support/folder.js'
import { describeWith, peer } from '../support/peers.js'
import { apacheHtpasswd, run } from '../support/run.js'

// We verify the other program's hashes, and it verifies ours.

const PASSWORDS = [
  'secret',
  '',
  ' ',
  'пароль',
  '密码密码密码',
  'رمز العبور',
  'é',
  'e\u0301',
  '🗝',
  '\'"\\$`',
  'sec:ret',
  'x'.repeat(72),
  'é'.repeat(40),
  'x'.repeat(255),
]

describeWith(['htpasswd'], 'Apache’s htpasswd', () => {
  const FLAGS: Partial<Record<SchemeName, string>> = {
    apr1: '-m',
    bcrypt: '-B',
    'sha256-crypt': '-2',
    'sha512-crypt': '-5',
    sha1: '-s',
    'des-crypt': '-d',
  }

  test.each(Object.entries(FLAGS) as [SchemeName, string][])('%s', async (name, flag) => {
    const scheme = schemeNamed(name)
    const cwd = temporaryFolder()
    for (const password of PASSWORDS) {
      const bytes = Buffer.from(password)
      const { stdout } = await apacheHtpasswd(['-nb', flag, 'alice', password])
      const theirs = /^alice:(.*)\n\n$/.exec(String(stdout))?.[1] as string
      expect(schemeOf(theirs), theirs).toBe(scheme)
      expect(await scheme.verify(bytes, theirs), `${password} ${theirs}`).toBe(true)
      expect(await scheme.verify(Buffer.from(`x${password}`), theirs), `x${password} ${theirs}`).toBe(
        startTheSame(name, password),
      )

      const ours = await scheme.hash?.(bytes)
      await run('tee', ['users'], { cwd, input: `alice:${ours}\n` })
      const { status } = await apacheHtpasswd(['-vb', 'users', 'alice', password], { cwd })
      expect(status, `${password} ${ours}`).toBe(0)
    }
  })

  /** Whether the scheme cannot tell the password from the same one with an x before it. */
  const startTheSame = (name: SchemeName, password: string) => {
    const bytes = schemeNamed(name).maxPasswordBytes
    const start = (text: string) => Buffer.from(text).toString('latin1').slice(0, bytes)
    return start(`x${password}`) === start(password)
  }
})

describeWith(['openssl'], 'openssl passwd', () => {
  const FLAGS: Partial<Record<SchemeName, string>> = {
    apr1: '-apr1',
    'md5-crypt': '-1',
    'sha256-crypt': '-5',
    'sha512-crypt': '-6',
  }
  const openssl = async (password: string, ...args: string[]) => {
    const { stdout } = await run(peer('openssl') as string, ['passwd', ...args, '-stdin'], {
      input: `${password}\n`,
    })
    return String(stdout).trimEnd()
  }

  test.each(Object.entries(FLAGS) as [SchemeName, string][])('%s', async (name, flag) => {
    const scheme = schemeNamed(name)
    for (const password of PASSWORDS) {
      // It truncates longer ones, and prints <NULL> for SHA-crypt of an empty one.
      if (Buffer.byteLength(password) > 200 || (password === '' && name.startsWith('sha'))) continue
      const bytes = Buffer.from(password)
      for (const salt of ['', 'a', 'saltsalt']) {
        const theirs = await openssl(password, flag, ...(salt ? ['-salt', salt] : []))
        expect(await scheme.verify(bytes, theirs), `${password} ${theirs}`).toBe(true)
      }
      if (!scheme.hash) continue
      const ours = await scheme.hash(bytes)
      expect(await openssl(password, flag, '-salt', ours.split('$')[2] as string)).toBe(ours)
    }
  })
})
