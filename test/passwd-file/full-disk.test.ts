import { linkSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { lacksMounting, mount } from '../support/mount.js'
import { describeIf } from '../support/peers.js'
import { htpasswd, OUR_HTPASSWD, run } from '../support/run.js'

const RECORD = 'user:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n'

describeIf(lacksMounting, 'a full disk', () => {
  test('the file stays as it is', async () => {
    const cwd = disk('size=96k')
    const content = RECORD.repeat(1_500)
    writeFileSync(join(cwd, 'users'), content)
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'], 'Adding password for user alice\n')
    expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(content)
  })

  test('a file with another name, which is written in place, stays as it is', async () => {
    const cwd = disk('size=96k')
    writeFileSync(join(cwd, 'users'), RECORD.repeat(1_500))
    linkSync(join(cwd, 'users'), join(cwd, 'name'))
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'], 'Adding password for user alice\n')
    expect(readFileSync(join(cwd, 'name'), 'utf8')).toBe(RECORD.repeat(1_500))
  })

  test('-c leaves nothing', async () => {
    const cwd = disk('size=64k')
    fill(cwd)
    await expectFailure(cwd, ['-cbs', 'users', 'alice', 'secret'], 'Adding password for user alice\n')
  })

  test('not even the lock can be made', async () => {
    const cwd = disk('size=64k,nr_inodes=2')
    writeFileSync(join(cwd, 'users'), RECORD)
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'])
    await expectFailure(cwd, ['-cbs', 'others', 'alice', 'secret'])
    expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(RECORD)
  })

  test('the folder of the lock can be made, and no entry in it', async () => {
    const cwd = disk('size=64k,nr_inodes=3')
    writeFileSync(join(cwd, 'users'), RECORD)
    await expectFailure(cwd, ['-bs', 'users', 'alice', 'secret'])
    expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(RECORD)
  })
})

test('a limit on the size of files is like a full disk', async () => {
  const cwd = temporaryFolder()
  const content = RECORD.repeat(1_500)
  writeFileSync(join(cwd, 'users'), content)
  // The signal that comes with it would end the command at once.
  const script = 'trap "" XFSZ; ulimit -f 100; exec "$@"'
  const command = [process.execPath, OUR_HTPASSWD, '-bs', 'users', 'alice', 'secret']
  const { status, stderr } = await run('sh', ['-c', script, 'sh', ...command], { cwd })
  expect(String(stderr)).toBe(
    'Adding password for user alice\nhtpasswd: unable to update file users: file too large; it is as it was\n',
  )
  expect(status).toBe(1)
  expect(readFileSync(join(cwd, 'users'), 'utf8')).toBe(content)
  expect(readdirSync(cwd)).toEqual(['users'])
})

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
    // It is full.
  }
}

async function expectFailure(cwd: string, args: string[], progress = ''): Promise<void> {
  const before = readdirSync(cwd)
  const { ino } = statSync(join(cwd, before[0] as string))
  const { status, stderr } = await htpasswd(args, { cwd })
  const file = args[1]
  expect(String(stderr)).toBe(
    `${progress}htpasswd: unable to update file ${file}: no space left on device; it is as it was\n`,
  )
  expect(status).toBe(1)
  expect(readdirSync(cwd)).toEqual(before)
  expect(statSync(join(cwd, before[0] as string)).ino).toBe(ino)
}
