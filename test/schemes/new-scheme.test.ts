import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../support/run.js'

// CONTRIBUTING says how to add a scheme: one file, and one line in the list. This does so in a copy of the project, which is
// then built and must support the scheme everywhere.

const SCHEME = `import { randomBytes, scryptSync } from 'node:crypto'
import { equal } from './bytes.js'
import type { Scheme } from './scheme.js'

// scrypt (RFC 7914), in a format of this test's own.

const SHAPE = /^\\$scrypt\\$(\\d+)\\$([0-9a-f]{16})\\$[0-9a-f]{64}$/

function encode(password: Uint8Array, cost: number, salt: string): string {
  const key = scryptSync(password, salt, 32, { N: 2 ** cost, maxmem: 2 ** 27 })
  return '$scrypt$' + cost + '$' + salt + '$' + key.toString('hex')
}

export const scrypt = {
  name: 'scrypt',
  strength: 'strong',
  format: '$scrypt$COST$…',
  work: { name: 'cost', min: 4, max: 16, default: 8, recommended: 12 },
  maxPasswordBytes: 64,
  passwords: 'bytes',
  claims: (encoded) => encoded.startsWith('$scrypt$'),
  wellFormed: (encoded) => SHAPE.test(encoded),
  workOf: (encoded) => Number(SHAPE.exec(encoded)?.[1]) || undefined,
  async verify(password, encoded) {
    const [, cost, salt] = SHAPE.exec(encoded) ?? []
    return salt !== undefined && equal(encode(password, Number(cost), salt), encoded)
  },
  hash: async (password, cost = 8) => encode(password, cost, randomBytes(8).toString('hex')),
} as const satisfies Scheme
`

let project: string

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'htgate-scheme-'))
  const sources = ['bin', 'src', 'scripts', 'docs', 'package.json', 'tsconfig.json']
  for (const name of sources) cpSync(name, join(project, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(project, 'node_modules'))

  writeFileSync(join(project, 'src/schemes/scrypt.ts'), SCHEME)
  const index = join(project, 'src/schemes/index.ts')
  const list = readFileSync(index, 'utf8')
    .replace('import { sha256Crypt', "import { scrypt } from './scrypt.js'\n$&")
    .replace('  sha256Crypt,\n', '$&  scrypt,\n')
  writeFileSync(index, list)
  for (const script of ['scripts/build.js', 'scripts/docs.js']) {
    execFileSync(process.execPath, [script], { cwd: project, stdio: 'pipe' })
  }
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

/** Runs a script with the copy's library, and returns the JSON that it prints. */
async function library(script: string): Promise<unknown> {
  const source = `import * as htgate from ${JSON.stringify(join(project, 'dist/index.js'))}\n${script}`
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', source], {
    cwd: project,
  })
  expect(stderr.toString()).toBe('')
  return JSON.parse(stdout.toString())
}

async function htpasswd(...args: string[]) {
  const { status, stdout, stderr } = await run(process.execPath, ['bin/htpasswd.js', ...args], {
    cwd: project,
  })
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

/** A record of the given cost. */
const record = (cost: number) =>
  library(`console.log(JSON.stringify(await htgate.hash('secret', { scheme: 'scrypt', cost: ${cost} })))`)

describe('a scheme added to the list', () => {
  test('hashes, with its default, range and password length', async () => {
    const script = `
      const { hash, verify, describe } = htgate
      const encoded = await hash('secret', { scheme: 'scrypt' })
      const fails = (options, password = 'x') => hash(password, options).then(() => 'none', (error) => error.message)
      console.log(JSON.stringify([
        describe(encoded), await verify('secret', encoded), await verify('Secret', encoded),
        await fails({ scheme: 'scrypt', cost: 17 }), await fails({ scheme: 'scrypt', rounds: 5000 }),
        await fails({ scheme: 'scrypt' }, 'x'.repeat(65)),
      ]))`
    expect(await library(script)).toEqual([
      { scheme: 'scrypt', strength: 'strong', cost: 12 },
      true,
      false,
      'option cost must be an integer from 4 to 16',
      'option rounds does not apply to scrypt',
      'scrypt takes at most 64 bytes of a password, not 65',
    ])
  })

  test('is listed, audited against its recommendation, and verified by the command', async () => {
    writeFileSync(join(project, 'users'), `a:${await record(4)}\nb:${await record(12)}\n`, { mode: 0o600 })
    expect((await htpasswd('--list', 'users')).stdout).toBe('a\tscrypt\t4\nb\tscrypt\t12\n')
    expect((await htpasswd('--list', '--json', 'users')).stdout).toContain('"cost": 4')
    const { stdout } = await htpasswd('--audit', 'users')
    expect(stdout).toContain('users:1: a: scrypt with cost 4, less than 12\n')
    expect(stdout).not.toContain('users:2')
    expect(await htpasswd('-vb', 'users', 'a', 'secret')).toMatchObject({ status: 0 })
    expect(await htpasswd('-vb', 'users', 'a', 'Secret')).toMatchObject({ status: 3 })
  })

  test('works as --minimum, ordered by strength', async () => {
    writeFileSync(join(project, 'users'), `a:${await record(12)}\nb:${await record(14)}\n`, { mode: 0o600 })
    const weak = async (minimum: string) =>
      (await htpasswd('--upgrade', '--minimum', minimum, 'users')).stdout
    expect(await weak('scrypt')).toBe('')
    expect(await weak('scrypt:14')).toBe('a\n')
    expect(await weak('sha256-crypt')).toBe('a\nb\n')
    expect(await weak('apr1')).toBe('')
    expect(await htpasswd('--audit', '--minimum', 'scrypt:17', 'users')).toMatchObject({ status: 2 })
    expect((await htpasswd('--audit', '--minimum', 'nonsense', 'users')).stderr).toContain('scrypt')
  })

  test('is used to rehash at a login', async () => {
    writeFileSync(join(project, 'users'), 'ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n', { mode: 0o600 })
    const script = `
      let tell
      const done = new Promise((resolve) => { tell = resolve })
      const authenticator = await htgate.createAuthenticator({
        file: 'users',
        rehash: { scheme: 'scrypt', cost: 13 },
        onEvent: ({ type, message }) => type.startsWith('rehash') && tell(message),
      })
      const { ok } = await authenticator.authenticate('Basic YW5uOnNlY3JldA==')
      const message = await done
      await authenticator.close()
      console.log(JSON.stringify({ ok, message }))`
    expect(await library(script)).toMatchObject({ ok: true })
    expect((await htpasswd('--list', 'users')).stdout).toBe('ann\tscrypt\t13\n')
    expect(await htpasswd('-vb', 'users', 'ann', 'secret')).toMatchObject({ status: 0 })
  })

  test('is accepted by htgate --rehash', async () => {
    const htgate = (value: string) =>
      run(process.execPath, ['bin/htgate.js', '--file', 'users', '--forward-auth', '--rehash', value], {
        cwd: project,
      })
    const { stderr } = await htgate('scrypt:3')
    expect(stderr.toString()).toContain('scrypt:4 to 16')
  })

  test('is in the manual and in docs/schemes.md', () => {
    const manual = readFileSync(join(project, 'dist/man/htpasswd.5'), 'utf8').replaceAll('\\-', '-')
    expect(manual).toContain('\\fBscrypt\\fR')
    expect(manual).toContain(
      'Cost 4 to 16; 12 or more recommended. Uses only the first 64 bytes of a password.',
    )
    expect(readFileSync(join(project, 'docs/schemes.md'), 'utf8')).toMatch(
      /^\| scrypt \| `\$scrypt\$COST\$…` .*\| 64 \|$/m,
    )
  })
})

test('docs/schemes.md is up to date', () => {
  const folder = mkdtempSync(join(tmpdir(), 'htgate-docs-'))
  try {
    for (const name of ['scripts', 'docs', 'dist', 'package.json'])
      cpSync(name, join(folder, name), { recursive: true })
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
    execFileSync(process.execPath, ['scripts/docs.js'], { cwd: folder })
    expect(readFileSync(join(folder, 'docs/schemes.md'), 'utf8')).toBe(
      readFileSync('docs/schemes.md', 'utf8'),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
