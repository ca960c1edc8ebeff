import { isUtf8 } from 'node:buffer'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type LongRequest, parseLong } from '../../src/htpasswd/long-options.js'
import { reportsOn } from '../../src/htpasswd/report/audit.js'
import type { Report } from '../../src/htpasswd/report/fix.js'
import { UNUSUAL } from '../interop/unusual.js'
import { pathWithHtpasswd } from '../support/command-path.js'
import { temporaryFolder } from '../support/folder.js'
import { htpasswdHere } from '../support/in-process.js'
import { htpasswd, type Result, run } from '../support/run.js'

// Runs every fix that --audit prints, unchanged, in a shell on its file. Afterwards the finding is gone, there is no new one, and
// no other line has changed.

const STRONG = '$2y$10$abcdefghijklmnopqrstuuM8M8M8M8M8M8M8M8M8M8M8M8M8M8M8M'
const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='

/** Without a terminal, htpasswd asks on standard input. */
const input = 'new\nnew\n'

function session(content: string | Buffer, name = 'users') {
  const parent = temporaryFolder()
  const cwd = join(parent, 'session')
  mkdirSync(cwd)
  const file = join(cwd, name)
  writeFileSync(file, content, { mode: 0o600 })
  const path = pathWithHtpasswd('ours', parent)
  const sh = (command: string, env: Record<string, string> = { PATH: path }) =>
    run('/bin/sh', ['-ec', command], { cwd, env, input })
  return {
    file,
    sh,
    /** The same, but htpasswd runs in this process, with the arguments that the shell passes: ten times as fast. */
    async shHere(command: string): Promise<Result> {
      const calls = join(parent, 'calls')
      const result = await sh(command, { PATH: pathWithRecorder(parent, calls) })
      let last = result
      for (const args of existsSync(calls) ? callsIn(readFileSync(calls)) : []) {
        // Only a process gets arguments that are not UTF-8.
        last = args.every(isUtf8)
          ? await htpasswdHere(args.map(String), { cwd, input })
          : await htpasswd(args, { cwd, input })
        if (last.status !== 0) break
      }
      return last
    },
    read: () => readFileSync(file),
    /** The output of `--audit --json`, without starting a process. */
    audit: (...options: string[]): Report[] => {
      const before = process.cwd()
      process.chdir(cwd)
      try {
        return reportsOn(parseLong(['--audit', '--json', ...options, '--', name]) as LongRequest)
      } finally {
        process.chdir(before)
      }
    },
  }
}

/** The same findings as without, but the passwords set by the fixes are cheap to hash. For runs in this process. */
const CHEAP = ['--minimum', 'bcrypt:6']

/** A PATH that starts with an `htpasswd` that appends its arguments to `calls`, preceded by their number. */
function pathWithRecorder(parent: string, calls: string): string {
  const bin = join(parent, 'recorder')
  mkdirSync(bin)
  writeFileSync(join(bin, 'htpasswd'), `#!/bin/sh\nprintf '%s\\0' "$#" "$@" >>'${calls}'\n`, { mode: 0o755 })
  return `${bin}:${process.env.PATH}`
}

function callsIn(bytes: Buffer): Buffer[][] {
  const parts: Buffer[] = []
  for (let start = 0; start < bytes.length; start = bytes.indexOf(0, start) + 1) {
    parts.push(bytes.subarray(start, bytes.indexOf(0, start)))
  }
  const calls: Buffer[][] = []
  while (parts.length > 0) calls.push(parts.splice(0, 1 + Number(parts[0])).slice(1))
  return calls
}

const about = ({ rule, line }: Report) => `${rule} on line ${line}`

async function expectFixesToWork(content: string | Buffer, name = 'users', options: string[] = []) {
  const findings = session(content, name).audit(...options)
  expect(findings).not.toEqual([])
  for (const finding of findings) {
    const { sh, shHere, audit, read, file } = session(content, name)
    if (finding.rule === 'file-mode') chmodSync(file, 0o644)
    const lines = () => read().toString('latin1').replace(/\n$/, '').split('\n')
    const before = lines()
    const { status, stderr } = await (options === CHEAP ? shHere : sh)(finding.fix)
    expect({ status, fix: finding.fix, stderr: status === 0 ? '' : stderr.toString() }).toMatchObject({
      status: 0,
      stderr: '',
    })

    const left = audit(...options).map(about)
    expect(left, finding.fix).not.toContain(about(finding))
    const known = findings.map(about)
    expect(
      left.filter((other) => !known.includes(other)),
      finding.fix,
    ).toEqual([])
    if (finding.fix.includes('--repair')) continue
    const after = lines()
    const malformed = findings.filter(({ rule }) => rule === 'malformed-line').map(({ line }) => line)
    const own = (line: number) =>
      line === finding.line || (finding.fix.includes('&&') && malformed.includes(line))
    const isSameUser = (line: number) =>
      before[line - 1]?.split(':')[0] === before[finding.line - 1]?.split(':')[0]
    expect(after.length).toBe(before.length)
    after.forEach((text, i) => {
      if (!own(i + 1) && !isSameUser(i + 1)) expect(text, finding.fix).toBe(before[i])
    })
  }
  return findings
}

describe('each fix that --audit prints works on its file', () => {
  test.each(Object.entries(UNUSUAL))('%s', async (_, { content }) => {
    const findings = session(content).audit(...CHEAP)
    expect(findings.map(about)).toEqual(session(content).audit().map(about))
    if (findings.length > 0) await expectFixesToWork(content, 'users', CHEAP)
  })

  test.each([
    [
      'a weak, a cheap, an empty and a malformed record',
      `a:${SHA}\nb:$2y$05$${'x'.repeat(53)}\nc:\nd:$2y$10$x\n`,
    ],
    ['a password in the file', 'a:my-password\nb:{PLAIN}secret\n'],
    ['a name in Latin-1', Buffer.from(`J\xfcrgen:${SHA}\nk\xe9:x'"$HOME\`\n`, 'latin1')],
    ['a name that a shell would split', `it's "$HOME" \`id\`:${SHA}\n-n:${SHA}\n--list:${SHA}\n*:${SHA}\n`],
    ['a name with a control character', `a\u001b[2Jb:${SHA}\nc\td:${SHA}\n`],
    ['a name too long for a record of bcrypt', `${'n'.repeat(230)}:${SHA}\n`],
    ['an empty name', `:${SHA}\n:${STRONG}\n`],
    ['a strong record with a weak duplicate', `a:${STRONG}\nb:${STRONG}\na:${SHA}\n`],
    ['a weak record with a strong duplicate', `a:${SHA}\na:${STRONG}\n`],
    ['lines without a colon between weak records', `one\na:${SHA}\ntwo\nb:${SHA}\nthree\n`],
    ['a byte-order mark before a comment', `\ufeff# staff\na:${SHA}\n`],
    ['UTF-16 of either order', Buffer.from(`\ufeffä:${SHA}\r\n`, 'utf16le').swap16()],
    ['white space and quotes, all at once', ` "a" : "${SHA}" \n\tb:${STRONG}\t\n'c:${STRONG}'\n`],
    ['an unsupported scheme', 'a:$y$j9T$abcdefgh$bwV3jJjYoaGzmqFaLkc7cw6ZdvS6750r.CELz.nzY58\n'],
  ])('%s', async (_, content) => {
    await expectFixesToWork(content, 'users', CHEAP)
  })

  test('a strong first record stays when its weak duplicate is removed', async () => {
    const content = `a:${STRONG}\na:${SHA}\n`
    const [finding, ...others] = session(content).audit()
    expect(others).toEqual([])
    const { sh, read } = session(content)
    await sh((finding as Report).fix)
    expect(read().toString()).toBe(`a:${STRONG}\n#a:${SHA}\n`)
  })

  test('a user with a name in Latin-1 stays one user', async () => {
    const content = Buffer.from(`J\xfcrgen:${SHA}\n`, 'latin1')
    const { sh, read, audit } = session(content)
    const [finding] = audit()
    await sh((finding as Report).fix)
    expect(read().toString('latin1')).toMatch(/^J\xfcrgen:\$2y\$10\$.{53}\n$/)
  })

  test('permissions of other users', async () => {
    const { sh, file, audit } = session(`a:${STRONG}\n`)
    chmodSync(file, 0o666)
    const [finding] = audit()
    expect(finding?.rule).toBe('file-mode')
    await sh((finding as Report).fix)
    expect(audit()).toEqual([])
  })

  test.each(['my users', "o'users", '-users', '--audit', 'ü'])('in a file named %s', async (name) => {
    await expectFixesToWork(`a:${SHA}\nno colon\n`, name)
  })

  test.each(['sha512-crypt:20000', 'bcrypt:12', 'sha256-crypt', 'apr1'])(
    'for --minimum %s',
    async (minimum) => {
      await expectFixesToWork(`a:${SHA}\n`, 'users', ['--minimum', minimum])
    },
  )

  test('for a file on standard input, under the name given', async () => {
    const { sh, audit } = session(`a:${SHA}\n`)
    const { stdout } = await sh('htpasswd --audit --json --name users - < users || true')
    const [finding] = JSON.parse(stdout.toString()) as Report[]
    await sh((finding as Report).fix)
    expect(audit()).toEqual([])
  })

  test('one after another, until no finding is left', async () => {
    const { sh, audit } = session(
      `\ufeff# staff\na:${SHA}\nno colon\n b:${STRONG} \na:${STRONG}\n:x\nc:"${STRONG}"\nd:secret\n`,
    )
    for (let round = 0; round < 12; round++) {
      const [finding] = audit()
      if (finding === undefined) return
      expect(await sh(finding.fix)).toMatchObject({ status: 0 })
    }
    expect(audit()).toEqual([])
  })
})

describe('--repair', () => {
  test('changes only what needs repair', async () => {
    const { sh, read } = session(
      [
        '\ufeff# a comment ',
        ` a:${STRONG} `,
        `"b:${STRONG}"\r`,
        `'c':'${STRONG}':field `,
        `d :${STRONG.replaceAll('$', '$$$$')}`,
        `d:${SHA}`,
        'e:{PLAIN}secret ',
        'f:a password ',
        'no colon ',
        `g:${SHA}:field `,
        '',
      ].join('\n'),
    )
    expect((await sh('htpasswd --repair users')).stderr.toString()).toBe('Repaired.\n')
    expect(read().toString()).toBe(
      [
        '# a comment ',
        `a:${STRONG}`,
        `b:${STRONG}\r`,
        `c:${STRONG}:field `,
        `d :${STRONG}`,
        `d:${SHA}`,
        'e:{PLAIN}secret ',
        'f:a password ',
        'no colon ',
        `g:${SHA}:field `,
        '',
      ].join('\n'),
    )
    expect((await sh('htpasswd --repair users')).stderr.toString()).toBe('Nothing to repair.\n')
  })
})

describe('--disable', () => {
  test('turns lines into comments, once', async () => {
    const { sh, read } = session('a:1\nb:2\nno colon\nc:3')
    expect((await sh('htpasswd --disable 2,3,4 users')).stderr.toString()).toBe('Disabled 3 lines.\n')
    expect(read().toString()).toBe('a:1\n#b:2\n#no colon\n#c:3')
    expect((await sh('htpasswd --disable 2 users')).stderr.toString()).toBe('Disabled 0 lines.\n')
    expect(await sh('htpasswd --disable 5 users')).toMatchObject({ status: 2 })
    expect(await sh('htpasswd --disable x users')).toMatchObject({ status: 2 })
    expect(read().toString()).toBe('a:1\n#b:2\n#no colon\n#c:3')
  })
})
