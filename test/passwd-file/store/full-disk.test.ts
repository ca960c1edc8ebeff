import { chmodSync, linkSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { lacksMounting, mount } from '../../support/mount.js'
import { lacksOrdinaryUser, lacksRoot, ordinaryUser } from '../../support/ordinary-user.js'
import { describeIf } from '../../support/peers.js'
import { htpasswd, OUR_HTPASSWD, type RunOptions, run } from '../../support/run.js'

const RECORD = 'user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n'
/** Ends in the middle of a block of 512 bytes. */
const CONTENT = RECORD.repeat(1_505)

describeIf(lacksMounting, 'a full disk', () => {
  test('the file stays as it is', async () => {
    const cwd = disk('size=96k')
    writeFileSync(join(cwd, 'users'), CONTENT)
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'])
    expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(CONTENT)
  })

  test('a file with another name, which is written in place, stays as it is', async () => {
    const cwd = disk('size=96k')
    writeFileSync(join(cwd, 'users'), CONTENT)
    linkSync(join(cwd, 'users'), join(cwd, 'name'))
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'])
    expect(readFileSync(join(cwd, 'name'), 'utf8')).toBe(CONTENT)
  })

  test('-c leaves nothing', async () => {
    const cwd = disk('size=64k')
    fill(cwd)
    await expectFailure(cwd, ['-cbs', 'users', 'alice', 'secret'])
  })

  test('is reported if it prevents the lock', async () => {
    const cwd = disk('size=64k,nr_inodes=2')
    writeFileSync(join(cwd, 'users'), RECORD)
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'])
    await expectFailure(cwd, ['-cbs', 'others', 'alice', 'secret'])
    expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(RECORD)
  })

  test('is reported if it permits the lock folder, but no entry in it', async () => {
    const cwd = disk('size=64k,nr_inodes=3')
    writeFileSync(join(cwd, 'users'), RECORD)
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'])
    expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(RECORD)
  })
})

describe('a limit on the size of files is like a full disk', () => {
  test('for a file that is replaced', async () => {
    const cwd = temporaryFolder()
    await expectTooLarge(cwd, 100, {})
  })

  describeIf([...lacksRoot, ...lacksOrdinaryUser], 'for a file written in place', () => {
    test('its growth is undone', async () => {
      const cwd = temporaryFolder()
      writeFileSync(join(cwd, 'users'), '')
      chmodSync(join(cwd, 'users'), 0o666)
      // It may grow by less than a record.
      await expectTooLarge(cwd, Math.ceil(CONTENT.length / 512), { ...ordinaryUser })
    })
  })
})

describe('an edit is reported only once it is on disk', () => {
  const users = Array.from({ length: 60 }, (_, i) => `user${i}`)
  const failure = 'htpasswd: unable to update file users: file too large; the file is unchanged\n'

  test.each([
    ['--import', ['--import', '-s', 'users'], users.map((user) => `${user}:secret\n`).join('')],
    ['--remove', ['--remove', 'users'], 'leaves\n'],
    ['an update', ['-bs', 'users', 'leaves', 'secret'], ''],
    ['-D', ['-D', 'users', 'leaves'], ''],
  ])('%s', async (_, args, input) => {
    const cwd = temporaryFolder()
    const content = `leaves:x\n${CONTENT}`
    writeFileSync(join(cwd, 'users'), content)
    const script = 'trap "" XFSZ; ulimit -f 3; exec "$@"'
    const command = [process.execPath, OUR_HTPASSWD, ...args]
    const { status, stdout, stderr } = await run('sh', ['-c', script, 'sh', ...command], { cwd, input })
    expect([status, String(stdout), String(stderr)]).toEqual([1, '', failure])
    expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(content)
    expect(readdirSync(cwd)).toEqual(['users'])
  })
})

/** `blocks` of 512 bytes are the limit. */
async function expectTooLarge(cwd: string, blocks: number, options: RunOptions): Promise<void> {
  writeFileSync(join(cwd, 'users'), CONTENT)
  // SIGXFSZ would end the command at once.
  const script = `trap "" XFSZ; ulimit -f ${blocks}; exec "$@"`
  const command = [process.execPath, OUR_HTPASSWD, '-bp', 'users', 'alice', 'x'.repeat(240)]
  const { status, stderr } = await run('sh', ['-c', script, 'sh', ...command], { cwd, ...options })
  expect(String(stderr)).toBe(
    'Warning: storing passwords as plain text might just not work on this platform.\n' +
      'htpasswd: unable to update file users: file too large; the file is unchanged\n',
  )
  expect(status).toBe(1)
  expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(CONTENT)
  expect(readdirSync(cwd)).toEqual(['users'])
}

function disk(options: string): string {
  const folder = temporaryFolder()
  mount(folder, '-t', 'tmpfs', '-o', options, 'tmpfs')
  return folder
}

function fill(folder: string): void {
  const file = join(folder, 'filler')
  try {
    for (;;) writeFileSync(file, Buffer.alloc(4096), { flag: 'a' })
  } catch {
    // The disk is full.
  }
}

async function expectFailure(cwd: string, args: string[]): Promise<void> {
  const before = readdirSync(cwd)
  const { ino } = statSync(join(cwd, before[0] as string))
  const { status, stderr } = await htpasswd(args, { cwd })
  const file = args[1]
  expect(String(stderr)).toBe(
    `htpasswd: unable to update file ${file}: no space left on device; the file is unchanged\n`,
  )
  expect(status).toBe(1)
  expect(readdirSync(cwd)).toEqual(before)
  expect(statSync(join(cwd, before[0] as string)).ino).toBe(ino)
}
