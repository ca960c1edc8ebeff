import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, linkSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import { append } from '../../../src/passwd-file/records.js'
import { update } from '../../../src/passwd-file/store/update.js'
import { temporaryFolder } from '../../support/folder.js'
import { randomFrom } from '../../support/random.js'
import { htpasswd, OUR_HTPASSWD } from '../../support/run.js'
import { withoutWaiting } from '../../support/waiting.js'

// Stops a command that changes the password of the first of many users, and so moves all other records: before each call that
// changes something on disk, halfway through each write, and from outside at random moments. Then it adds another user, which
// cleans up what the stopped command has left.

const kills = process.env.HTGATE_FULL ? 500 : 15
const USERS = process.env.HTGATE_FULL ? 20_000 : 10_000
const random = randomFrom(process.env.HTGATE_SEED ?? String(Math.random()))
const STOP_AT = fileURLToPath(new URL('../../support/stop-at.cjs', import.meta.url))
/** More calls than an edit makes. */
const MOST_CALLS = 60

let cwd: string
let file: string
/** The shortest time that an edit took without being stopped, in milliseconds. */
let duration: number
let users: number

beforeEach(async () => {
  cwd = temporaryFolder()
  file = join(cwd, 'users')
  const others = Array.from({ length: USERS }, (_, i) => `user${i}:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n`)
  writeFileSync(file, `first:\n${others.join('')}`)
  chmodSync(file, 0o640)
  duration = Number.POSITIVE_INFINITY
  users = 0
})

const content = () => readFileSync(file)

/** The old content or the new one. Not toEqual: its message would show the whole file. */
const isOneOf = (either: readonly Buffer[], now: Buffer) => either.some((each) => each.equals(now))

/** The file that the stopped command was writing, and its folder. */
const filesLeft = () =>
  readdirSync(cwd, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== 'users')
    .map((name) => join(cwd, name))

interface Stopped {
  /** The content before, and the intended one. */
  readonly either: readonly Buffer[]
  readonly status: number | null
}

/** Changes the first user's password; `stop` or `env` stops the command. */
async function edit(
  env: Record<string, string>,
  stop?: (signalTo: (signal: NodeJS.Signals) => void) => Promise<void>,
): Promise<Stopped> {
  const before = content()
  const password = 'p'.repeat(1 + random.number(100))
  // -p, since it has no salt.
  const child = spawn(
    process.execPath,
    ['--require', STOP_AT, OUR_HTPASSWD, '-bp', 'users', 'first', password],
    { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  const start = performance.now()
  await stop?.((signal) => child.kill(signal))
  const [status] = (await closed) as [number | null]
  if (stop === undefined) duration = Math.min(duration, performance.now() - start)
  const rest = before.subarray(before.indexOf('\n'))
  return { either: [before, Buffer.concat([Buffer.from(`first:${password}`), rest])], status }
}

/** An edit stopped at a random moment. */
const interrupted = (signal: NodeJS.Signals): Promise<Stopped> =>
  edit({}, async (signalTo) => {
    await sleep(duration * 1.1 * (random.number(1000) / 1000))
    signalTo(signal)
  })

/** Edits stopped before each call in turn, until there are no more. */
async function atEachCall(
  signals: readonly NodeJS.Signals[],
  check: (stopped: Stopped) => Promise<void>,
): Promise<void> {
  let call = 0
  for (let status: number | null = null; status === null && call < MOST_CALLS; ) {
    call++
    const stopped = await edit({ STOP_AT: String(call), STOP_WITH: random.pick(signals) })
    await check(stopped)
    status = stopped.status
  }
  expect(call).toBeGreaterThan(15)
  expect(call).toBeLessThan(MOST_CALLS)
}

/** The next edit, occasionally by the command, otherwise by the same code in this process. */
async function addUser(): Promise<string> {
  const user = `next${users}`
  const record = `${user}:x\n`
  if (users++ % 25 === 0) {
    const { status, stderr } = await htpasswd(['-bp', 'users', user, 'x'], { cwd })
    expect(status, String(stderr)).toBe(0)
  } else {
    const pieces = (before: Buffer) => append(before, Buffer.from(record))
    await withoutWaiting(() =>
      update(file, (before) => ({ pieces: pieces(before), done: undefined }), { alone: true }),
    )
  }
  return record
}

async function afterKill({ either }: Stopped): Promise<void> {
  const now = content()
  expect(isOneOf(either, now)).toBe(true)
  for (const left of filesLeft()) {
    const { mode } = statSync(left)
    expect(mode & 0o777 & (left.includes('/htpasswd-new') ? 0 : 0o077), left).toBe(0)
  }
  const record = await addUser()
  expect(content().equals(Buffer.concat([now, Buffer.from(record)]))).toBe(true)
  expect(readdirSync(cwd)).toEqual(['users'])
}

describe('SIGKILL leaves the old file or the new one, unreadable to others, and no edit waits', () => {
  test('before each call and halfway through each write', { timeout: 300_000 }, async () => {
    const seen = new Set<number>()
    await atEachCall(['SIGKILL'], async (stopped) => {
      seen.add(stopped.either.findIndex((each) => each.equals(content())))
      await afterKill(stopped)
    })
    expect([...seen].sort()).toEqual([0, 1])
  })

  test(`at a random moment, ${kills} times`, { timeout: 900_000 }, async () => {
    await edit({})
    for (let i = 0; i < kills; i++) await afterKill(await interrupted('SIGKILL'))
  })
})

describe('SIGTERM, SIGINT and SIGHUP leave nothing behind', () => {
  const times = Math.ceil(kills / 10)
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
  const nothingLeft = async ({ either }: Stopped) => {
    expect(isOneOf(either, content())).toBe(true)
    expect(readdirSync(cwd)).toEqual(['users'])
  }

  test('before each call', { timeout: 300_000 }, () => atEachCall(signals, nothingLeft))

  test(`at a random moment, ${times} times`, { timeout: 900_000 }, async () => {
    await edit({})
    for (let i = 0; i < times; i++) await nothingLeft(await interrupted(random.pick(signals)))
  })
})

describe('after SIGKILL while writing in place, the next edit completes it', () => {
  const times = Math.ceil(kills / 5)
  const madeWhole =
    (name: string) =>
    async ({ either }: Stopped) => {
      const record = Buffer.from(await addUser())
      const now = content()
      expect(
        isOneOf(
          either.map((each) => Buffer.concat([each, record])),
          now,
        ),
      ).toBe(true)
      expect(readFileSync(name).equals(now)).toBe(true)
      expect(readdirSync(cwd)).toEqual(['users'])
    }
  const withAnotherName = () => {
    const name = join(temporaryFolder(), 'another-name')
    linkSync(file, name)
    return name
  }

  test('before each call and halfway through each write', { timeout: 300_000 }, async () => {
    await atEachCall(['SIGKILL'], madeWhole(withAnotherName()))
  })

  test(`at a random moment, ${times} times`, { timeout: 900_000 }, async () => {
    const check = madeWhole(withAnotherName())
    await edit({})
    for (let i = 0; i < times; i++) await check(await interrupted('SIGKILL'))
  })
})
