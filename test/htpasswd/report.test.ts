import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { bar } from '../../src/htpasswd/many/progress-bar.js'
import { describeWith, peer } from '../support/peers.js'
import { htpasswd, OUR_HTPASSWD, run } from '../support/run.js'
import { shell } from '../support/shell.js'

const BCRYPT_10 = '$2y$10$abcdefghijklmnopqrstuuM8M8M8M8M8M8M8M8M8M8M8M8M8M8M8M'
const BCRYPT_05 = BCRYPT_10.replace('$10$', '$05$')
const SHA512 = `$6$rounds=10000$salt$${'x'.repeat(86)}`
const APR1 = '$apr1$saltsalt$abcdefghijklmnopqrstuv'
const SHA1 = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='

/** One record of each kind that an audit distinguishes. */
const MIXED = [
  '# staff',
  `strong:${BCRYPT_10}`,
  `rounds:${SHA512}:Real Name`,
  `cheap:${BCRYPT_05}`,
  `md5:${APR1}`,
  `sha:${SHA1}`,
  'des:abcdefghijklm',
  'nginx:{PLAIN}secret',
  'bare:my-password',
  'cut:$2y$10$abc',
  'newer:$y$j9T$salt$hash',
  'none:',
  `strong:${BCRYPT_10}`,
  'not a record',
  '',
].join('\n')

describe('--list', () => {
  test('is tab-separated in a pipe', async () => {
    const { run } = shell({ users: MIXED })
    const { status, stdout, stderr } = await run('--list users')
    expect(stdout).toBe(
      [
        'strong\tbcrypt\t10',
        'rounds\tsha512-crypt\t10000',
        'cheap\tbcrypt\t5',
        'md5\tapr1\t-',
        'sha\tsha1\t-',
        'des\tdes-crypt\t-',
        'nginx\tplain\t-',
        'bare\tplaintext\t-',
        'cut\tbcrypt\t-',
        'newer\tunknown\t-',
        'none\tnone\t-',
        'strong\tbcrypt\t10',
        '',
      ].join('\n'),
    )
    expect({ status, stderr }).toEqual({
      status: 7,
      stderr: 'htpasswd: The file users does not appear to be a valid htpasswd file.\n',
    })
  })

  test('--json has the line, and the cost or rounds', async () => {
    const { run } = shell({ users: `# staff\nzoë:${BCRYPT_10}\nbob:${SHA512}\n` })
    const { status, stdout } = await run('--list --json users')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toEqual([
      { line: 2, user: 'zoë', scheme: 'bcrypt', cost: 10 },
      { line: 3, user: 'bob', scheme: 'sha512-crypt', rounds: 10000 },
    ])
  })
})

describe('standard streams', () => {
  test.each(['--list', '--audit', '--upgrade'])('%s - reads standard input', async (task) => {
    const { run } = shell({ users: MIXED })
    const [fromFile, fromInput] = [await run(`${task} users`), await run(`${task} -`, MIXED)]
    const asInput = (text: string) =>
      text.replace(/^users:/gm, 'standard input:').replace(/\busers\b/g, 'passwordfile')
    const lines = asInput(fromFile.stdout).split('\n')
    // Only a file has a mode.
    const own = lines.filter((_, i) => !/^standard input: everyone|chmod/.test(lines[i] ?? ''))
    expect(fromInput.stdout.split('\n')).toEqual(own)
    expect(fromInput.status).toBe(fromFile.status)
  })

  test('a pipe closed early is not an error', async () => {
    const users = Array.from({ length: 20_000 }, (_, i) => `user${i}:${SHA1}\n`).join('')
    const { cwd } = shell({ users })
    for (const task of ['--list', '--list --json', '--audit', '--audit --sarif', '--upgrade']) {
      const script = `set -o pipefail; "$NODE" "$HTPASSWD" ${task} users 2>errors | head -n 1`
      const env = { NODE: process.execPath, HTPASSWD: OUR_HTPASSWD }
      const { stdout } = await run('/bin/bash', ['-c', `${script}; cat errors`], { cwd, env })
      expect(stdout.toString()).not.toMatch(/cannot write|EPIPE/)
    }
  })
})

describeWith(['script'], 'names on a terminal', () => {
  test.each(['--list', '--audit', '--upgrade'])('%s escapes them', async (task) => {
    const { cwd } = shell({ users: `a\u001b[2Jb\u202e:${SHA1}\n` })
    const command = `${process.execPath} ${OUR_HTPASSWD} ${task} users`
    const { stdout } = await run(peer('script') as string, ['-qec', command, '/dev/null'], { cwd })
    expect(stdout.toString()).toContain('a\\x1b[2Jb\\u202e')
    expect(stdout.toString()).not.toMatch(/\u001b\[2J|\u202e/)
  })

  test('--remove, --verify-all and --import escape them, too', async () => {
    const name = 'a\u001b[2Jb'
    const { cwd } = shell({ users: `${name}:${SHA1}\nx:x\n`, names: `c${name}\n`, list: `${name}:wrong\n` })
    const node = `${process.execPath} ${OUR_HTPASSWD}`
    const command = `${node} --remove names users; ${node} --verify-all list users; true`
    const { stdout } = await run(peer('script') as string, ['-qec', command, '/dev/null'], { cwd })
    expect(stdout.toString()).toContain('ca\\x1b[2Jb not found')
    expect(stdout.toString()).not.toContain('\u001b[2J')
  })

  test.each([20, 30, 44, 80])('the progress bar fits into %i columns', (columns) => {
    for (const total of [64, 10_000, 1_000_000]) {
      for (const done of [0, 1, total / 2, total])
        expect(bar(done, total, columns).length).toBeLessThan(columns)
    }
    expect(bar(32, 64, 80)).toBe(`[${'#'.repeat(15).padEnd(30)}] 32 of 64`)
  })
})

describeWith(['script'], 'on a terminal', () => {
  test('--list is aligned under headings', async () => {
    const { cwd } = shell({ users: `zoë:${BCRYPT_10}\nrobert:${SHA512}\n` })
    const command = `${process.execPath} ${OUR_HTPASSWD} --list users`
    const { stdout } = await run(peer('script') as string, ['-qec', command, '/dev/null'], { cwd })
    expect(stdout.toString().replaceAll('\r', '')).toBe(
      ['USER    SCHEME        COST', 'zoë     bcrypt        10', 'robert  sha512-crypt  10000', ''].join(
        '\n',
      ),
    )
  })

  test('long work shows a progress bar, which is cleared at the end', async () => {
    const list = Array.from({ length: 200 }, (_, i) => `user${i}:secret\n`).join('')
    const { cwd } = shell({ list })
    const command = `${process.execPath} ${OUR_HTPASSWD} --import -c list users`
    const { stdout } = await run(peer('script') as string, ['-qec', command, '/dev/null'], { cwd })
    expect(stdout.toString()).toMatch(/\r\[#+ *\] \d+ of 200/)
    expect(stdout.toString()).toMatch(/\r +\rAdded 200 users, updated 0\.\r\n$/)
  })
})

describe('--audit', () => {
  test('gives each finding its line, its reason and the command that fixes it', async () => {
    const { cwd, run } = shell({ users: MIXED })
    chmodSync(join(cwd, 'users'), 0o640)
    const { status, stdout, stderr } = await run('--audit users')
    const first = 'htpasswd --disable 14 users && '
    expect(stdout).toBe(`users:14: no colon: servers skip the line, Apache's htpasswd refuses to edit the file
    htpasswd --disable 14 users
users:4: cheap: bcrypt with cost 5, less than 10
    ${first}htpasswd -B -C 10 users cheap
users:5: md5: apr1 is weak: one GPU tries millions of passwords per second
    ${first}htpasswd -B -C 10 users md5
users:6: sha: sha1 is broken: most passwords can be recovered within seconds
    ${first}htpasswd -B -C 10 users sha
users:7: des: des-crypt is broken: most passwords can be recovered within seconds
    ${first}htpasswd -B -C 10 users des
users:8: nginx: plain is broken: most passwords can be recovered within seconds
    ${first}htpasswd -B -C 10 users nginx
users:9: bare: not a hash of any known scheme; perhaps the password itself: no server on Unix lets the user in
    ${first}htpasswd -B -C 10 users bare
users:10: cut: not a complete bcrypt hash: htgate and htpasswd -v reject every password
    ${first}htpasswd -B -C 10 users cut
users:11: newer: not a complete hash of any known scheme: htgate and htpasswd -v reject every password
    ${first}htpasswd -B -C 10 users newer
users:12: none: no hash: no server lets the user in
    ${first}htpasswd -B -C 10 users none
users:13: strong: duplicate of line 2: servers use that one, htpasswd -v requires the password to match both
    htpasswd --disable 13 users
`)
    expect({ status, stderr }).toEqual({ status: 1, stderr: '11 findings in users\n' })
  })

  test('a file that others can read or write is a finding', async () => {
    const { cwd, run } = shell({ users: `alice:${BCRYPT_10}\n` })
    for (const [mode, may] of [
      [0o604, 'read'],
      [0o602, 'write'],
      [0o666, 'read and write'],
    ] as const) {
      chmodSync(join(cwd, 'users'), mode)
      expect((await run('--audit users')).stdout).toBe(
        `users: everyone on this machine can ${may} the file\n    chmod o-rw users\n`,
      )
    }
    chmodSync(join(cwd, 'users'), 0o640)
    expect(await run('--audit users')).toEqual({ status: 0, stdout: '', stderr: 'no findings in users\n' })
  })

  test('--minimum sets the weakest acceptable scheme and its lowest cost', async () => {
    const { cwd, run } = shell({ users: `a:${BCRYPT_10}\nb:${SHA512}\nc:${APR1}\nd:${SHA1}\n` })
    chmodSync(join(cwd, 'users'), 0o600)
    const weak = async (minimum: string) => {
      const { stdout } = await run(`--audit --json --minimum ${minimum} users`)
      return (JSON.parse(stdout) as { user: string }[]).map(({ user }) => user).join('')
    }
    expect(await weak('bcrypt:12')).toBe('abcd')
    expect(await weak('bcrypt')).toBe('bcd')
    expect(await weak('sha512-crypt')).toBe('cd')
    expect(await weak('sha512-crypt:20000')).toBe('bcd')
    expect(await weak('apr1')).toBe('d')
    expect(await weak('sha1')).toBe('')
  })

  test('--sarif is valid for code scanning', async () => {
    const { cwd } = shell({ 'my users': `sha:${SHA1}\nstrong:${BCRYPT_10}\n` })
    chmodSync(join(cwd, 'my users'), 0o644)
    const { status, stdout } = await htpasswd(['--audit', '--sarif', 'my users'], { cwd })
    const log = JSON.parse(stdout.toString())
    expect(status).toBe(1)
    expect(log.version).toBe('2.1.0')
    const { tool, results } = log.runs[0]
    const known = tool.driver.rules.map(({ id }: { id: string }) => id)
    expect(results.map(({ ruleId }: { ruleId: string }) => ruleId)).toEqual(['file-mode', 'weak-scheme'])
    for (const { ruleId } of results) expect(known).toContain(ruleId)
    expect(results[1].locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: 'my%20users' },
      region: { startLine: 1 },
    })
  })

  test.each(['--audit', '--list', '--upgrade', '--verify-all'])(
    '%s needs a file that it can read',
    async (task) => {
      const { run } = shell()
      const missing = {
        status: 1,
        stdout: '',
        stderr: 'htpasswd: cannot read users: no such file or directory\n',
      }
      expect(await run(`${task} users`)).toEqual(missing)
      const folder = {
        status: 1,
        stdout: '',
        stderr: 'htpasswd: cannot read .: illegal operation on a directory\n',
      }
      expect(await run(`${task} .`)).toEqual(folder)
    },
  )

  test('a name that htpasswd cannot write is disabled, and escaped on the terminal', async () => {
    const { cwd, run } = shell({ users: `\u001b[2Jalice:${SHA1}\n` })
    chmodSync(join(cwd, 'users'), 0o600)
    expect((await run('--audit users')).stdout).toBe(
      'users:1: \\x1b[2Jalice: sha1 is broken: most passwords can be recovered within seconds\n    htpasswd --disable 1 users\n',
    )
  })

  test.each(['bcrypt:99', 'bcrypt:3', 'apr1:5', 'sha512-crypt:999'])(
    '--minimum %s is rejected',
    async (minimum) => {
      const { run } = shell({ users: '' })
      const { status, stderr } = await run(`--audit --minimum ${minimum} users`)
      expect(status).toBe(2)
      expect(stderr).toContain(`not ${minimum}`)
    },
  )
})

describe('--upgrade', () => {
  test('lists users who must set a new password', async () => {
    const { run } = shell({ users: MIXED.replace('not a record', '') })
    expect(await run('--upgrade users')).toMatchObject({
      status: 1,
      stdout: 'cheap\nmd5\nsha\ndes\nnginx\nbare\ncut\nnewer\nnone\n',
    })
    expect(await run('--upgrade --minimum sha1 users')).toMatchObject({
      status: 1,
      stdout: 'cheap\ndes\nnginx\nbare\ncut\nnewer\nnone\n',
    })
  })

  test('reports lines that are not records', async () => {
    const { run } = shell({ users: MIXED })
    expect(await run('--upgrade users')).toMatchObject({
      status: 7,
      stdout: expect.stringContaining('cheap\n'),
    })
  })

  test('prints nothing when there are no findings', async () => {
    const { run } = shell({ users: `alice:${BCRYPT_10}\n` })
    expect(await run('--upgrade users')).toEqual({ status: 0, stdout: '', stderr: '' })
  })
})
