import { spawn, spawnSync } from 'node:child_process'
import {
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Holder, holderOf, lifeOf, ownName } from '../../../src/passwd-file/store/holder.js'
import { LockedError, lock as lockAt, type Place, sweep } from '../../../src/passwd-file/store/lock.js'
import { type Folder, openFolder } from '../../../src/system/folder.js'
import { temporaryFolder } from '../../support/folder.js'
import { lacksRoot } from '../../support/ordinary-user.js'
import { describeIf } from '../../support/peers.js'
import { withoutWaiting } from '../../support/waiting.js'

const PREFIX = '.users.htpasswd'
const OTHER_UID = 4321

let folder: Folder
let path: string
beforeEach(() => {
  path = temporaryFolder()
  folder = openFolder(path)
  onTestFinished(() => folder.close())
})

const lock = (place: Partial<Place> = {}) => lockAt({ folder, prefix: PREFIX, admits: () => true, ...place })

const [space, , started] = ownName(PREFIX)
  .slice(PREFIX.length + 1)
  .split('.') as [string, string, string]
const entryOf = (pid: number | string, from = started, where = space) => `${PREFIX}.${where}.${pid}.${from}.0`
const startOf = (pid: number | string) => fieldsOf(pid)[19]
const fieldsOf = (pid: number | string) =>
  (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] as string).split(' ')

/** Leaves what a process does that died holding the lock: its entry, with an unfinished file. */
function leave(entry: string, ageInSeconds = 0): string {
  const left = join(path, entry)
  mkdirSync(left, { mode: 0o700 })
  for (const name of ['htpasswd-new', 'htpasswd-new.4711']) writeFileSync(join(left, name), '')
  const time = new Date(Date.now() - 1000 * ageInSeconds)
  utimesSync(left, time, time)
  return left
}

/** Acquires the lock without waiting and releases it; then only `remains` is left. */
async function expectFree(remains: string[] = [], place: Partial<Place> = {}): Promise<void> {
  const held = await withoutWaiting(() => lock(place))
  expect(readdirSync(path)).toHaveLength(1 + remains.length)
  held.release()
  expect(readdirSync(path)).toEqual(remains)
}

/** Resolves once the waiting edit has checked the lock several times without getting it. */
async function hasWaited(): Promise<void> {
  const waits = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => waits.mockRestore())
  await vi.waitUntil(() => waits.mock.calls.length >= 5, { timeout: 20_000 })
}

/** Waits exactly as long as the entry exists. */
async function expectTaken(remove: () => void): Promise<void> {
  const waiting = lock()
  await hasWaited()
  remove()
  const held = await waiting
  held.release()
}

test('is held by one edit at a time', async () => {
  const order: string[] = []
  const held = await lock()
  const second = lock().then((then) => {
    order.push('second')
    then.release()
  })
  await hasWaited()
  order.push('first')
  held.release()
  await second
  expect(order).toEqual(['first', 'second'])
  expect(readdirSync(path)).toEqual([])
})

test('an entry is a folder that only its user can enter', async () => {
  const held = await lock()
  const [name] = readdirSync(path)
  expect(lstatSync(join(path, name as string)).mode & 0o777).toBe(0o700)
  held.release()
})

describe('a dead holder’s entry delays no edit', () => {
  test('a process that was killed', async () => {
    leave(entryOf(spawnSync('true').pid))
    await expectFree()
  })

  test('a process killed before its entry was complete', async () => {
    leave(`${entryOf(spawnSync('true').pid)}.new`)
    await expectFree()
  })

  test('a process whose ID has been reused', async () => {
    leave(entryOf(process.pid, '1'))
    await expectFree()
  })

  test.runIf(process.platform === 'linux')('a zombie, which its parent does not reap', async () => {
    // It ends once its parent is no longer a shell, which would reap it.
    const parent = spawn('sh', ['-c', 'exec 3<&0; (read line <&3) & echo $!; exec sleep 60'])
    onTestFinished(() => {
      parent.kill('SIGKILL')
    })
    const pid = String(await new Promise((resolve) => parent.stdout.once('data', resolve))).trim()
    await vi.waitUntil(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n', {
      timeout: 10_000,
    })
    parent.stdin.write('\n')
    await vi.waitUntil(() => fieldsOf(pid)[0] === 'Z', { timeout: 10_000 })
    leave(entryOf(pid, startOf(pid)))
    await expectFree()
  })

  test('a process that ran before a reboot', async () => {
    leave(entryOf(process.pid, started, 'an-earlier-boot-4026531836'), 11)
    await expectFree()
  })

  test('a process on another machine, inactive for more than ten seconds', async () => {
    leave(entryOf(1, '1', 'another-machine'), 11)
    await expectFree()
  })

  test('a process on another machine, with a time in the future', async () => {
    leave(entryOf(1, '1', 'another-machine'), -3600)
    await expectFree()
  })
})

describe('other files are neither trusted nor removed', () => {
  const alive = entryOf(process.pid)

  test('a file', async () => {
    writeFileSync(join(path, alive), '')
    await expectFree([alive])
  })

  test('a link to a folder', async () => {
    symlinkSync('/', join(path, alive))
    await expectFree([alive])
  })

  test('a FIFO', async () => {
    spawnSync('mkfifo', [join(path, alive)])
    await expectFree([alive])
  })

  test('the lock of another file, or of htgate 0.1', async () => {
    mkdirSync(join(path, '.other.htpasswd.a.1.1.0'))
    mkdirSync(join(path, 'users.lock'))
    await expectFree(['.other.htpasswd.a.1.1.0', 'users.lock'])
  })

  test('the entry of a user who cannot edit the file', async () => {
    const fd = openSync(leave(alive), 'r')
    onTestFinished(() => closeSync(fd))
    await expectFree([alive], { admits: () => false })
  })
})

describe.runIf(process.platform === 'linux')(
  'an entry is ignored if the process that it names does not have it open',
  () => {
    test('this process', async () => {
      leave(entryOf(process.pid))
      await expectFree()
    })

    test('another living process', async () => {
      const other = spawn('sleep', ['60'])
      onTestFinished(() => {
        other.kill('SIGKILL')
      })
      leave(entryOf(other.pid as number, startOf(other.pid as number)))
      await expectFree()
    })

    // Other users cannot see its open files.
    describeIf(lacksRoot, 'as root', () => {
      test('init, by another user', async () => {
        chownSync(leave(entryOf(1, startOf(1))), OTHER_UID, OTHER_UID)
        await expectFree()
      })
    })
  },
)

/** A process that appears to hold the entry. */
function holder(uid?: number, gid = uid): { readonly end: () => void; readonly pid: number } {
  const script = 'read line; exec 3<"$line"; echo; exec sleep 60'
  const child = spawn('sh', ['-c', script], uid === undefined ? {} : { uid, gid })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const pid = child.pid as number
  const left = leave(entryOf(pid, startOf(pid)))
  if (uid !== undefined) spawnSync('chown', [String(uid), left])
  child.stdin.write(`${left}\n`)
  return { pid, end: () => child.kill('SIGKILL') }
}

const opened = (pid: number) =>
  vi.waitUntil(() => readdirSync(`/proc/${pid}/fd`).includes('3'), { timeout: 10_000 })

describe('a living holder is waited for', () => {
  test.runIf(process.platform === 'linux')('another process', async () => {
    const { pid, end } = holder()
    await opened(pid)
    await expectTaken(end)
  })

  test('a process on another machine, if it was active in the last ten seconds', async () => {
    const entry = leave(entryOf(1, '1', 'another-machine'), 3)
    await expectTaken(() => rmSync(entry, { recursive: true }))
  })

  const failing = async (milliseconds: number) => {
    vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const failed = lock().catch((error) => error)
    await vi.advanceTimersByTimeAsync(milliseconds)
    const error = await failed
    expect(error).toBeInstanceOf(LockedError)
    return error.message
  }

  test.runIf(process.platform === 'linux')(
    'for at most a minute, after which the error names the holder of the lock',
    async () => {
      const { pid } = holder()
      await opened(pid)
      expect(await failing(61_000)).toBe(
        `locked by process ${pid} (${join(path, entryOf(pid, startOf(pid)))})`,
      )
    },
  )

  describeIf(lacksRoot, 'as root', () => {
    test('a process of the same user with another group, whose open files are hidden', async () => {
      const { pid } = holder(OTHER_UID, OTHER_UID + 1)
      await opened(pid)
      const name = entryOf(pid, startOf(pid))
      const stat = lstatSync(join(path, name))
      process.setegid?.(OTHER_UID)
      process.seteuid?.(OTHER_UID)
      try {
        expect(lifeOf(holderOf(PREFIX, name) as Holder, stat)).toBe('alive')
      } finally {
        process.seteuid?.(0)
        process.setegid?.(0)
      }
    })

    test('for at most five seconds if it is another user’s', async () => {
      const { pid } = holder(OTHER_UID)
      await opened(pid)
      expect(await failing(6_000)).toBe(
        `locked by process ${pid} of user ${OTHER_UID} (${join(path, entryOf(pid, startOf(pid)))})`,
      )
    })
  })
})

test('a waiting process renews its entry every second', async () => {
  vi.useFakeTimers({ toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  // A rival on another machine that starts at the same time, with a name that sorts later.
  const rival = entryOf(1, '1', '~other-machine')
  leave(rival)
  let looks = 0
  const admits = () => ++looks > 1
  const waiting = lock({ admits })
  await vi.advanceTimersByTimeAsync(100)
  const own = join(path, readdirSync(path).find((name) => name !== rival) as string)
  utimesSync(own, 0, 0)
  await vi.advanceTimersByTimeAsync(1_500)
  expect(statSync(own).mtimeMs).toBeGreaterThan(0)
  rmSync(join(path, rival), { recursive: true })
  await vi.advanceTimersByTimeAsync(100)
  const held = await waiting
  held.release()
})

test('a late removal of an entry does not affect a later one of the same process', async () => {
  // A rival on another machine that starts at the same time, with a name that sorts first.
  const rival = entryOf(1, '1', '0')
  leave(rival)
  let first: string | undefined
  let looks = 0
  const admits = () => {
    if (++looks === 2) first = readdirSync(path).find((name) => name !== rival)
    return looks > 1
  }
  const waiting = lock({ admits })
  await hasWaited()
  expect(first).toBeDefined()
  expect(readdirSync(path)).toEqual([rival])
  rmSync(join(path, rival), { recursive: true })
  const held = await waiting
  sweep(folder, first as string)
  expect(readdirSync(path)).toHaveLength(1)
  held.release()
})

test('a holder is waited for even if it renames its entry meanwhile', async () => {
  // Not admitted, and the first that is looked at.
  const decoy = leave(entryOf(1, '1', '0'))
  const held = leave(entryOf(process.pid))
  const copy = `${held}.copy.1`
  const fd = openSync(held, 'r')
  let looks = 0
  const admits = () => {
    if (++looks === 3) renameSync(held, copy)
    return looks > 3 && looks % 2 === 1
  }
  const waiting = lock({ admits })
  await hasWaited()
  expect(lstatSync(copy).isDirectory()).toBe(true)
  closeSync(fd)
  rmSync(copy, { recursive: true })
  rmSync(decoy, { recursive: true })
  const own = await waiting
  own.release()
})

test('other files in an abandoned entry are left alone', async () => {
  const entry = leave(entryOf(spawnSync('true').pid))
  writeFileSync(join(entry, 'precious'), '')
  const held = await lock()
  held.release()
  expect(readdirSync(path, { recursive: true })).toHaveLength(2)
  expect(readdirSync(entry)).toEqual(['precious'])
})

test('a missing folder is an error', () => {
  expect(() => openFolder(join(dirname(path), 'nowhere'))).toThrow('ENOENT')
})
