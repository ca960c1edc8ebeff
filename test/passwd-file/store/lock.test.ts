import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { LockedError, lock } from '../../../src/passwd-file/store/lock.js'
import { ownName } from '../../../src/passwd-file/store/owner.js'
import { temporaryFolder } from '../../support/folder.js'

let folder: string
beforeEach(() => {
  folder = join(temporaryFolder(), 'users.lock')
})

const [space, , started] = ownName().split('.') as [string, string, string]
const entryOf = (pid: number | string, from = started, where = space) => `${where}.${pid}.${from}.0`

/** What a process leaves that ended while it held the lock: its entry, and a file that it was about to write. */
function leave(entry: string, ageInSeconds = 0): void {
  mkdirSync(folder)
  for (const name of [entry, `${entry}.4711`]) {
    writeFileSync(join(folder, name), '')
    const time = new Date(Date.now() - 1000 * ageInSeconds)
    utimesSync(join(folder, name), time, time)
  }
}

/** Takes the lock and gives it back; nothing is there then, and it did not take long. */
async function expectFree(): Promise<void> {
  const start = Date.now()
  const held = await lock(folder)
  expect(Date.now() - start).toBeLessThan(1_000)
  expect(readdirSync(folder)).toHaveLength(1)
  held.release()
  expect(readdirSync(join(folder, '..'))).toEqual([])
}

/** Waits as long as the entry is there, and no longer. */
async function expectTaken(remove: () => void): Promise<void> {
  const waiting = lock(folder)
  const first = await Promise.race([waiting.then(() => 'got it'), sleep(200).then(() => 'waits')])
  expect(first).toBe('waits')
  remove()
  const held = await waiting
  held.release()
}

test('one after the other', async () => {
  const order: string[] = []
  const held = await lock(folder)
  const second = lock(folder).then((then) => {
    order.push('second')
    then.release()
  })
  await sleep(50)
  order.push('first')
  held.release()
  await second
  expect(order).toEqual(['first', 'second'])
  expect(readdirSync(join(folder, '..'))).toEqual([])
})

describe('what a dead owner leaves holds nobody up', () => {
  test('a process that was killed', async () => {
    leave(entryOf(spawnSync('true').pid))
    await expectFree()
  })

  test('whose number another process has got since', async () => {
    leave(entryOf(process.pid, '1'))
    await expectFree()
  })

  test.runIf(process.platform === 'linux')('a zombie, whose parent does not care', async () => {
    // It ends when its parent is no shell any more, which would care.
    const parent = spawn('sh', ['-c', 'exec 3<&0; (read line <&3) & echo $!; exec sleep 60'])
    onTestFinished(() => {
      parent.kill('SIGKILL')
    })
    const pid = String(await new Promise((resolve) => parent.stdout.once('data', resolve))).trim()
    await vi.waitUntil(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n', {
      timeout: 10_000,
    })
    parent.stdin.write('\n')
    const fields = () => (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] as string).split(' ')
    await vi.waitUntil(() => fields()[0] === 'Z', { timeout: 10_000 })
    leave(entryOf(pid, fields()[19]))
    await expectFree()
  })

  test('on a machine that has started again', async () => {
    leave(entryOf(process.pid, started, 'an-earlier-boot-4026531836'), 11)
    await expectFree()
  })

  test('on another machine, silent for more than ten seconds', async () => {
    leave(entryOf(1, '1', 'another-machine'), 11)
    await expectFree()
  })

  test('a folder without an entry', async () => {
    mkdirSync(folder)
    await expectFree()
  })
})

describe('a living owner is waited for', () => {
  const gone = (entry: string) => () => {
    for (const name of [entry, `${entry}.4711`]) rmSync(join(folder, name))
  }

  test('this process, under any name', async () => {
    leave(entryOf(process.pid))
    await expectTaken(gone(entryOf(process.pid)))
  })

  test('another process', async () => {
    const other = spawn('sleep', ['60'])
    const pid = other.pid as number
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] as string
    leave(entryOf(pid, fields.split(' ')[19]))
    await expectTaken(() => other.kill('SIGKILL'))
  })

  test('on another machine, if it was heard of in the last ten seconds', async () => {
    const entry = entryOf(1, '1', 'another-machine')
    leave(entry, 3)
    await expectTaken(gone(entry))
  })

  test('and is given up after a minute, by name', async () => {
    leave(entryOf(process.pid))
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const failed = lock(folder).catch((error) => error)
    await vi.advanceTimersByTimeAsync(61_000)
    const error = await failed
    expect(error).toBeInstanceOf(LockedError)
    expect(error.message).toBe(`locked by process ${process.pid} (${folder})`)
  })
})

test('the holder is heard of each second', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const held = await lock(folder)
  utimesSync(held.entry, 0, 0)
  vi.advanceTimersByTime(1_000)
  await vi.waitUntil(() => statSync(held.entry).mtimeMs > 0, { timeout: 10_000 })
  held.release()
})

test.each([0o700, 0o750, 0o775, 0o1777])(
  'the folder is as open as that of the file, mode %o',
  async (mode) => {
    chmodSync(join(folder, '..'), mode)
    const held = await lock(folder)
    expect(statSync(folder).mode & 0o7777).toBe(mode)
    held.release()
  },
)

test('other files in the folder are let alone', async () => {
  mkdirSync(folder)
  writeFileSync(join(folder, '.directory'), '')
  const held = await lock(folder)
  held.release()
  expect(readdirSync(folder)).toEqual(['.directory'])
})

test('a file in the way of the folder is an error that says so', async () => {
  writeFileSync(folder, '')
  await expect(lock(folder)).rejects.toThrow('users.lock is in the way of the lock: remove it')
})

test('a folder that is nowhere is an error', async () => {
  await expect(lock(join(folder, 'nowhere/users.lock'))).rejects.toThrow('ENOENT')
})
