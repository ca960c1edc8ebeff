import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { describeWith } from '../support/peers.js'
import { apacheHtpasswd, htpasswd, killedAfter } from '../support/run.js'
import { shell } from '../support/shell.js'

const SHA_SECRET = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='

describe('--import', () => {
  test('creates a file from the lines of standard input', async () => {
    const { run, read } = shell()
    expect(await run('--import -c -s users', 'alice:secret\nbob:secret\n')).toEqual({
      status: 0,
      stdout: '',
      stderr: 'Added 2 users, updated 0.\n',
    })
    expect(read('users')).toBe(`alice:${SHA_SECRET}\nbob:${SHA_SECRET}\n`)
  })

  test('updates existing users, and keeps every other byte', async () => {
    const { run, bytes } = shell({
      users: Buffer.from('# staff\r\nalice:old\nm\xfcller:x\n\nalice:older', 'latin1'),
      list: 'zoë:secret\r\nalice:secret',
    })
    const { status, stderr } = await run('--import -s list users')
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'Added 1 user, updated 1.\n' })
    expect(bytes('users')).toEqual(
      Buffer.concat([
        Buffer.from(`# staff\r\nalice:${SHA_SECRET}\nm\xfcller:x\n\nalice:${SHA_SECRET}\n`, 'latin1'),
        Buffer.from(`zoë:${SHA_SECRET}\n`),
      ]),
    )
  })

  test('skips a byte-order mark', async () => {
    const { run, read } = shell({ list: '\ufeffalice:secret\n' })
    await run('--import -c -s list users')
    expect(read('users')).toBe(`alice:${SHA_SECRET}\n`)
  })

  test('accepts passwords with colons and in any script, with every scheme', async () => {
    const list = 'alice:a:b:c\nbob:пароль\ncarol:密码 mit Leerzeichen \n'
    for (const flags of ['', '-m ', '-2 ', '-5 -r 1000 ', '-B -C 4 ', '-d ', '-s ']) {
      const { run } = shell({ list })
      expect(await run(`--import -c ${flags}list users`)).toMatchObject({ status: 0 })
      expect(await run('--verify-all list users')).toMatchObject({
        status: 0,
        stderr: '3 users correct, 0 wrong.\n',
      })
    }
  })

  test('reports all invalid lines at once, and changes nothing', async () => {
    const { run, read } = shell({
      users: 'alice:old\n',
      list: `alice:new\nno colon\nbob:\n:nobody\nalice:again\n#x:y\ncarol:${'x'.repeat(256)}\ndave:good\nerin:bad\0\n`,
    })
    expect(await run('--import list users')).toEqual({
      status: 7,
      stdout: '',
      stderr: [
        'htpasswd: list:2: no colon between user and password',
        'htpasswd: list:3: password is empty',
        'htpasswd: list:4: username is empty',
        'htpasswd: list:5: user alice is already on line 1',
        'htpasswd: list:7: password is longer than 255 bytes',
        'htpasswd: list:9: password contains a NUL byte',
        'htpasswd: nothing was changed\n',
      ].join('\n'),
    })
    expect(read('users')).toBe('alice:old\n')
  })

  test('--encrypted accepts hashes of every known scheme unchanged, and nothing else', async () => {
    const { run, read } = shell({
      good: `alice:${SHA_SECRET}\nbob:$2y$04$abcdefghijklmnopqrstuuM8M8M8M8M8M8M8M8M8M8M8M8M8M8M8M\n`,
    })
    expect(await run('--import -c --encrypted good users')).toMatchObject({ status: 0 })
    expect(read('users')).toBe(read('good'))

    const { status, stderr } = await run('--import --encrypted users', 'carol:secret\ndave:$2y$10$short\n')
    expect(status).toBe(7)
    expect(stderr).toContain('standard input:1: not a hash of any known scheme')
    expect(stderr).toContain('standard input:2: not a hash of any known scheme')
    expect(read('users')).toBe(read('good'))
  })

  test('requires -c for a file that does not exist, and reports unreadable files', async () => {
    const { run } = shell({ list: 'alice:secret\n' })
    expect(await run('--import list users')).toEqual({
      status: 1,
      stdout: '',
      stderr: "htpasswd: cannot modify file users; use '-c' to create it\n",
    })
    expect(await run('--import -c nowhere users')).toMatchObject({
      status: 1,
      stderr: 'htpasswd: cannot read nowhere: no such file or directory\n',
    })
  })

  test('counts the passwords that bcrypt and crypt truncate', async () => {
    const { run } = shell({ list: `alice:${'x'.repeat(73)}\nbob:${'x'.repeat(72)}\n` })
    expect((await run('--import -c -B -C 4 list users')).stderr).toContain(
      'Warning: 1 password truncated to 72 characters by BCRYPT algorithm.\n',
    )
    expect((await run('--import -c -d list users')).stderr).toContain(
      'Warning: 2 passwords truncated to 8 characters',
    )
  })

  test('killed at any moment, it leaves the old file or the new one, and the next command succeeds', async () => {
    const list = Array.from({ length: 400 }, (_, i) => `user${i}:secret\n`).join('')
    const before = `alice:${SHA_SECRET}\n`
    const after = before + Array.from({ length: 400 }, (_, i) => `user${i}:${SHA_SECRET}\n`).join('')
    const { cwd, run, read } = shell({ list, users: before })
    for (let moment = 0; moment < 24; moment++) {
      writeFileSync(join(cwd, 'users'), before)
      await killedAfter(40 + moment * 5, ['--import', '-s', 'list', 'users'], cwd)
      expect([before, after]).toContain(read('users'))
    }
    expect(await run('-D users nobody')).toMatchObject({ status: 0 })
    expect(readdirSync(cwd).sort()).toEqual(['list', 'users'])
  })

  test('two imports and 32 single writers at once lose nothing', async () => {
    const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`)
    const list = (prefix: string) =>
      names(prefix, 200)
        .map((name) => `${name}:secret\n`)
        .join('')
    const { cwd, read } = shell({ users: '', a: list('a'), b: list('b') })
    const lines = [
      ['--import', '-s', 'a', 'users'],
      ['--import', '-s', 'b', 'users'],
      ...names('single', 32).map((name) => ['-bs', 'users', name, 'secret']),
    ]
    const results = await Promise.all(lines.map((line) => htpasswd(line, { cwd })))
    expect(results.map(({ status }) => status)).toEqual(lines.map(() => 0))
    const users = read('users')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(':')[0])
    expect(users.sort()).toEqual([...names('a', 200), ...names('b', 200), ...names('single', 32)].sort())
    expect(readdirSync(cwd).sort()).toEqual(['a', 'b', 'users'])
  })
})

describe('--remove', () => {
  test('deletes all records of the listed users, and reports users that do not exist', async () => {
    const { run, read } = shell({
      users: '# staff\nalice:1\nbob:2\nalice:3\ncarol:4\n',
      list: 'alice\nnobody\r\n\ncarol\n',
    })
    expect(await run('--remove list users')).toEqual({
      status: 0,
      stdout: '',
      stderr: 'User nobody not found\nRemoved 2 users.\n',
    })
    expect(read('users')).toBe('# staff\nbob:2\n')
  })

  test('--strict deletes all of them or none', async () => {
    const { run, read } = shell({ users: 'alice:1\nbob:2\n' })
    expect(await run('--remove --strict users', 'alice\nnobody\n')).toEqual({
      status: 6,
      stdout: '',
      stderr: 'User nobody not found\nhtpasswd: nothing was changed\n',
    })
    expect(read('users')).toBe('alice:1\nbob:2\n')
    expect(await run('--remove --strict users', 'alice\nbob\n')).toMatchObject({ status: 0 })
    expect(read('users')).toBe('')
  })

  test('a file that is not a password file is left unchanged', async () => {
    const { run, read } = shell({ users: 'alice:1\nnot a record\n' })
    expect(await run('--remove users', 'alice\n')).toMatchObject({ status: 7 })
    expect(read('users')).toBe('alice:1\nnot a record\n')
  })
})

describe('--verify-all', () => {
  test('reports users with a wrong password or without a record, but never a password', async () => {
    const { run } = shell({ list: 'alice:secret\nbob:secret\n' })
    await run('--import -c -s list users')
    const { status, stdout, stderr } = await run(
      '--verify-all users',
      'alice:secret\nbob:hunter2\nnobody:hunter3\n',
    )
    expect({ status, stdout, stderr }).toEqual({
      status: 3,
      stdout: '',
      stderr: 'User nobody not found\nPassword for user bob is wrong.\n1 user correct, 2 wrong.\n',
    })
  })

  test('reports invalid lines, and then verifies nothing', async () => {
    const { run } = shell({ users: 'a:x\n' })
    expect((await run('--verify-all users', 'a\n')).stderr).toBe(
      'htpasswd: standard input:1: no colon between user and password\nhtpasswd: nothing was verified\n',
    )
  })

  test('plaintext, empty and damaged records never verify', async () => {
    const { run } = shell({ users: 'a:secret\nb:\nc:$2y$10$x\n' })
    expect(await run('--verify-all users', 'a:secret\nb:\nc:secret\n')).toMatchObject({ status: 3 })
  })
})

describe('lists and files written by hand', () => {
  const VERDACCIO = `${SHA_SECRET}:autocreated 2018-01-01T00:00:00.000Z`
  const YESCRYPT = '$y$j9T$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9'

  test('comments and blank lines in a list are skipped', async () => {
    const { run, read } = shell()
    const list = '# staff\n\n  \t\n  # more\nalice:secret\n#bob:secret\n'
    expect(await run('--import -c -s users', list)).toMatchObject({ status: 0 })
    expect(read('users')).toBe(`alice:${SHA_SECRET}\n`)
    expect(await run('--verify-all users', list)).toMatchObject({
      status: 0,
      stderr: '1 user correct, 0 wrong.\n',
    })
    expect(await run('--remove users', '# leavers\nalice\n')).toMatchObject({
      status: 0,
      stderr: 'Removed 1 user.\n',
    })
  })

  test('--verify-all agrees with the servers on fields, white space, duplicates and lines without a colon', async () => {
    const users = `a:${VERDACCIO}\nb:${SHA_SECRET} \nno colon\nc:${SHA_SECRET}\nc:x\nd:x\nd:${SHA_SECRET}\n`
    const { run } = shell({ users })
    expect(await run('--verify-all users', 'a:secret\nb:secret\nc:secret\nd:secret\n')).toEqual({
      status: 3,
      stdout: '',
      stderr: 'Password for user d is wrong.\n3 users correct, 1 wrong.\n',
    })
  })

  test('--import --encrypted keeps the field after a hash, and strips trailing white space', async () => {
    const { run, read } = shell()
    const list = `a:${VERDACCIO}\nb:${SHA_SECRET} \t\nc:{PLAIN}secret \n`
    expect(await run('--import -c --encrypted users', list)).toMatchObject({ status: 0 })
    expect(read('users')).toBe(`a:${VERDACCIO}\nb:${SHA_SECRET}\nc:{PLAIN}secret \n`)
  })

  test('--import --encrypted accepts the schemes of crypt(5), with a warning', async () => {
    const { run, read } = shell()
    const hashes = [
      YESCRYPT,
      '$gy$j9T$abcdefgh$Fi3mUfLMwr2ZyDlmydp6rw5RwzYJnsb1LquZlQ2CYq0',
      '$7$CU..../....abcdefgh$XWs9HxtpA2.6U5CDBBbcW.h3o9pYlC.MIIb8JqMgZx6',
      '$2x$05$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na',
      '$sha1$1000$abcdefgh$ji8ESnkwjcTjo4hThodnLYyi.3yG',
      '$md5,rounds=1000$abcdefgh$$oHAhBRD1/YRiW7/YQB1d60',
      '_J9..abcd/H6HLCcf7nw',
      '$3$$878d8014606cda29677a44efa1353fc7',
      'abHr9elwESrHsnvS1jnG6t/Q',
      YESCRYPT,
    ]
    const list = hashes.map((hash, i) => `u${i}:${hash}\n`).join('')
    const { status, stderr } = await run('--import -c --encrypted users', list)
    expect(status).toBe(0)
    expect(read('users')).toBe(list)
    expect(stderr).toContain('Warning: 2 yescrypt hashes, which htpasswd -v and htgate cannot verify.\n')
    for (const name of [
      'gost-yescrypt',
      'scrypt',
      'bcrypt-2x',
      'sha1-crypt',
      'sun-md5',
      'bsdi-crypt',
      'nt-hash',
      'bigcrypt',
    ]) {
      expect(stderr).toContain(`Warning: 1 ${name} hash, which`)
    }
    expect((await run('--list users')).stdout).toContain('u0\tyescrypt\t-\n')
    expect(await run('--import --encrypted users', 'x:$y$j9T$abcdefgh$short\n')).toMatchObject({ status: 7 })
  })

  test('--verify-all reports users that it cannot verify', async () => {
    const { run } = shell({
      users: `a:${YESCRYPT}\nb:$2y$05$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na\n`,
      list: Buffer.from('a:secret\nb:\xe9\n', 'latin1'),
    })
    expect(await run('--verify-all list users')).toEqual({
      status: 3,
      stdout: '',
      stderr: [
        'Could not verify password for user a: yescrypt is not supported',
        'Could not verify password for user b: bcrypt requires a UTF-8 password',
        '0 users correct, 2 wrong.',
        '',
      ].join('\n'),
    })
  })
})

describeWith(['htpasswd'], 'with Apache’s htpasswd', () => {
  test('its -v verifies what --import wrote', async () => {
    const { cwd, run } = shell()
    for (const flags of ['-m', '-2', '-5', '-B', '-d', '-s']) {
      await run(`--import -c ${flags} users`, 'alice:pa:ss\n')
      expect(await apacheHtpasswd(['-vb', 'users', 'alice', 'pa:ss'], { cwd })).toMatchObject({ status: 0 })
    }
  })
})

describe('long options that cannot be used together', () => {
  test.each([
    ['--list --audit users', '--list and --audit cannot be used together'],
    [
      '--json users',
      '--import, --remove, --verify-all, --list, --audit, --upgrade, --repair, --disable is required',
    ],
    ['--import --strict users', '--strict and --import cannot be used together'],
    ['--import --encrypted -B users', '-B and --encrypted cannot be used together'],
    ['--list a b', '--list takes passwordfile'],
    ['--import', '--import takes [FILE] passwordfile'],
    ['--audit --minimum bcrypt:x users', '--minimum takes a scheme'],
    ['--audit --json --sarif users', '--json and --sarif cannot be used together'],
    ['--completion', '--completion requires an argument'],
    ['--audit --minimum', '--minimum requires an argument'],
    ['--nonsense users', 'unknown option --nonsense'],
    ['--password=secret users', 'unknown option --password;'],
    ['--import -b users', '-b and --import cannot be used together'],
    ['--import -5 -r 500 users', '-r takes 1000 to 999999999 rounds, not 500'],
  ])('htpasswd %s', async (line, message) => {
    const { run } = shell()
    const { status, stderr } = await run(line)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })

  test('a hyphenated operand after the first one is an operand, as in Apache’s', async () => {
    const { run, read } = shell()
    expect(await run('-cbs users --audit --list')).toMatchObject({ status: 0 })
    expect(read('users')).toMatch(/^--audit:\{SHA\}/)
  })
})
