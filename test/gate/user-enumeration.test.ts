import { expect, test } from 'vitest'
import { hash } from '../../src/index.js'
import { passwordFile, request, startGateProcess, startUpstream, until } from '../support/gate.js'
import { probabilityOfLarger } from '../support/ranks.js'
import { basic } from '../support/requests.js'
import { freePort } from '../support/servers.js'

const WORKERS = 4
/** At full size, at least 500 tries each for known and unknown names. */
const ROUNDS = process.env.HTGATE_FULL ? 9 : 2
const MOST_ROUNDS = 40

/** Processes could differ in timing for an unknown name, but not for a known one. */
test.each([15, 16])(
  'four processes take the same time for an unknown name, with %i known ones',
  { timeout: 300_000 },
  async (names) => {
    const slow = await hash('secret', { cost: 9 })
    const fast = await hash('secret', { scheme: 'sha1' })
    const records = Array.from({ length: names }, (_, i) => `user${i}:${i % 2 ? slow : fast}\n`)
    const upstream = await startUpstream()
    const gate = await startGateProcess({
      upstream: upstream.url,
      file: passwordFile(records.join('')),
      args: [
        '--workers',
        `${WORKERS}`,
        '--hash-threads',
        '1',
        '--login-failures',
        '0',
        '--trust-proxy',
        'loopback',
      ],
    })
    let tries = 0
    const timeOf = async (name: string): Promise<number> => {
      const client = `198.51.${tries >> 8}.${tries++ & 255}` // Otherwise, responses are delayed.
      const headers = { authorization: basic(name, `wrong ${tries}`), 'x-forwarded-for': client }
      const start = performance.now()
      expect((await request(gate.url, { headers })).status).toBe(401)
      return performance.now() - start
    }
    for (let i = 0; i < 8 * WORKERS; i++) await timeOf(`warm-up ${i}`)

    const best = new Map<string, number[]>()
    const all = { user: [] as number[], stranger: [] as number[] }
    const kinds = ['user', 'stranger'] as const
    const everyone = Array.from({ length: names }, (_, i) =>
      kinds.map((kind) => ({ kind, name: `${kind}${i}` })),
    )
    /** A quarter of what a slow hash takes at least: less than any, on a busy machine too. */
    const border = () => {
      const times = Array.from({ length: names >> 1 }, (_, i) => best.get(`user${2 * i + 1}`) ?? [])
      return Math.min(...times.flat()) / 4
    }
    const isMixed = ({ name }: { name: string }) =>
      new Set(best.get(name)?.map((time) => time > border())).size > 1
    let asked = everyone.flat()
    // A busy machine can make a fast response slow, until the next try; nothing makes a slow one fast. If the machine is less
    // busy then, slow users take less time, too.
    const slowUsers = asked.filter(({ name }) => name === 'user1' || name === 'user3')
    for (let round = 0; round < MOST_ROUNDS && asked.length > 0; round++) {
      for (const { kind, name } of round < ROUNDS ? asked : [...slowUsers, ...asked]) {
        const times = best.get(name) ?? Array<number>(WORKERS).fill(Number.POSITIVE_INFINITY)
        best.set(name, times)
        // Connections are distributed in turn.
        for (let worker = 0; worker < WORKERS; worker++) {
          const time = await timeOf(name)
          if (round < ROUNDS) all[kind].push(time)
          times[worker] = Math.min(times[worker] as number, time)
        }
      }
      if (round + 1 >= ROUNDS) asked = asked.filter(isMixed)
    }
    const timesOf = ({ name }: { name: string }) =>
      best
        .get(name)
        ?.map((time) => time.toFixed(1))
        .join(', ')
    expect(asked.map((each) => `${each.name}: ${timesOf(each)} ms`)).toEqual([])
    // About half of these strangers get slow stand-ins by chance: two more or fewer are common.
    expect(Math.abs(probabilityOfLarger(all.user, all.stranger) - 0.5)).toBeLessThan(0.3)
  },
)

test('a record that would take hours delays no login, and is reported', async () => {
  const cheap = await hash('secret', { cost: 4 })
  const costly = [
    '$2y$31$7EqJtq98hPqEX7fNZaFWoOhi5Q9gZ0kFY1oAaVgqGpX1yQeZkq8dW',
    `$6$rounds=999999999$salt$${'x'.repeat(86)}`,
  ]
  const file = passwordFile(`ann:${cheap}\nbob:${costly[0]}\ncyd:${costly[1]}\n`)
  const upstream = await startUpstream()
  const gate = await startGateProcess({ upstream: upstream.url, file, args: ['--trust-proxy', 'loopback'] })
  expect(gate.said()).toContain(`${file}: lines 2, 3 rejected: hash costs more than bcrypt at cost 14`)

  const as = (name: string, password: string, i: number) =>
    request(gate.url, {
      headers: { authorization: basic(name, password), 'x-forwarded-for': `198.51.100.${i}` },
    })
  const guesses = [
    ...Array.from({ length: 30 }, (_, i) => as(`stranger${i}`, 'x', i)),
    as('bob', 'x', 40),
    as('cyd', 'x', 41),
  ]
  expect((await as('ann', 'secret', 50)).status).toBe(200)
  expect((await Promise.all(guesses)).map(({ status }) => status)).toEqual(Array(32).fill(401))
})

test('a client that guesses and leaves delays no login', { timeout: 120_000 }, async () => {
  const cost13 = await hash('secret', { cost: 13 })
  const file = passwordFile(`ann:${await hash('secret', { cost: 4 })}\nbob:${cost13}\n`)
  const upstream = await startUpstream()
  const admin = await freePort()
  const gate = await startGateProcess({
    upstream: upstream.url,
    file,
    args: [
      ...['--hash-threads', '1', '--login-failures', '0', '--trust-proxy', 'loopback'],
      ...['--admin', `127.0.0.1:${admin}`],
    ],
  })
  const metric = async (name: string) => {
    const { body } = await request(`http://127.0.0.1:${admin}/metrics`)
    return Number(new RegExp(`^${name}\\S* (\\d+)$`, 'm').exec(body)?.[1])
  }
  const gone = new AbortController()
  const guesses = Array.from({ length: 40 }, (_, i) =>
    fetch(gate.url, {
      headers: { authorization: basic('bob', `guess ${i}`), 'x-forwarded-for': `198.51.100.${i}` },
      signal: gone.signal,
    }).catch(() => {}),
  )
  await until(async () => (await metric('htgate_requests_in_progress')) === 40)
  gone.abort()
  await Promise.all(guesses)
  // Hashes for disconnected clients are no longer computed.
  const headers = { authorization: basic('ann', 'secret'), 'x-forwarded-for': '192.0.2.1' }
  expect((await request(gate.url, { headers })).status).toBe(200)
  expect(await metric('htgate_hashes_total')).toBeLessThan(20)
})
