import { spawn } from 'node:child_process'
import { chmodSync, linkSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { randomFrom } from '../../support/random.js'
import { htpasswd, OUR_HTPASSWD } from '../../support/run.js'

// A command that gives the first of many users another password, and so moves all that follows, is killed at a random
// moment; then another one adds a user, and puts right what the first has left.

const kills = process.env.HTGATE_FULL ? 500 : 40
const random = randomFrom(process.env.HTGATE_SEED ?? String(Math.random()))

let cwd: string
let file: string
/** How long a command takes that nobody stops, in milliseconds: the least that was seen. */
let duration: number

beforeEach(async () => {
  cwd = temporaryFolder()
  file = join(cwd, 'users')
  const others = Array.from({ length: 50_000 }, (_, i) => `user${i}:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n`)
  writeFileSync(file, `first:\n${others.join('')}`)
  chmodSync(file, 0o640)
  duration = Number.POSITIVE_INFINITY
  await setPassword('first', 'x')
})

/** With -p, for that has no salt. Answers how long it took. */
async function setPassword(user: string, password: string): Promise<number> {
  const start = performance.now()
  const { status, stderr } = await htpasswd(['-bp', 'users', user, password], { cwd })
  const took = performance.now() - start
  expect(status, String(stderr)).toBe(0)
  duration = Math.min(duration, took)
  return took
}

/** What the killed one was writing, and the folder that it was in. */
const filesLeft = () =>
  readdirSync(cwd, { recursive: true, encoding: 'utf8' })
    .filter((name) => name !== 'users')
    .map((name) => join(cwd, name))

const content = () => readFileSync(file, 'utf8')

/** Gives the first user another password, but is stopped; answers the content before, and as it was to be. */
async function interrupted(signal: NodeJS.Signals): Promise<string[]> {
  const before = content()
  const password = 'p'.repeat(1 + random.number(100))
  const child = spawn(process.execPath, [OUR_HTPASSWD, '-bp', 'users', 'first', password], { cwd })
  const ended = new Promise((resolve) => child.on('close', resolve))
  await sleep(duration * (0.4 + 0.7 * (random.number(1000) / 1000)))
  child.kill(signal)
  await ended
  return [before, before.replace(/^first:.*/, `first:${password}`)]
}

// Not toContain or toBe: their messages would show two megabytes.
test(`SIGKILL, ${kills} times: the old file or the new one, nobody may read more, and nobody waits`, {
  timeout: 900_000,
}, async () => {
  const took: number[] = []
  for (let i = 0; i < kills; i++) {
    const either = await interrupted('SIGKILL')
    const now = content()
    for (const left of filesLeft()) {
      const { mode } = statSync(left)
      expect(mode & 0o777 & (left.includes('/htpasswd-new') ? 0 : 0o077), left).toBe(0)
    }
    expect(either.includes(now)).toBe(true)

    took.push(await setPassword(`next${i}`, 'x'))
    expect(content() === `${now}next${i}:x\n`).toBe(true)
    expect(readdirSync(cwd)).toEqual(['users'])
  }
  // A busy machine holds up one or the other; none waits for the ten seconds that an unknown owner is given.
  expect(took.sort((a, b) => a - b)[kills >> 1]).toBeLessThan(2 * duration + 500)
  expect(took.at(-1)).toBeLessThan(9_000)
})

test(`SIGTERM or SIGINT: nothing is left even so`, { timeout: 900_000 }, async () => {
  for (let i = 0; i < kills / 2; i++) {
    const either = await interrupted(random.pick(['SIGTERM', 'SIGINT', 'SIGHUP']))
    expect(either.includes(content())).toBe(true)
    expect(readdirSync(cwd)).toEqual(['users'])
  }
})

test(`SIGKILL while writing in place: the next command makes it whole`, { timeout: 900_000 }, async () => {
  const name = join(temporaryFolder(), 'another-name')
  linkSync(file, name)
  for (let i = 0; i < kills / 2; i++) {
    const either = await interrupted('SIGKILL')
    await setPassword(`next${i}`, 'x')
    expect(either.map((whole) => `${whole}next${i}:x\n`).includes(content())).toBe(true)
    expect(readFileSync(name, 'utf8') === content()).toBe(true)
    expect(readdirSync(cwd)).toEqual(['users'])
  }
})
