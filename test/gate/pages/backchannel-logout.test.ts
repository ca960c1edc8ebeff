import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type GateProcess, request, until } from '../../support/gate.js'
import { formsIn } from '../../support/web-client.js'
import { startLab } from './support.js'

const form = { 'content-type': 'application/x-www-form-urlencoded' }

test('a logout at the issuer ends the session here, in every process', async () => {
  const { gate, issuer, logIn } = await startLab({ args: ['--workers', '2'] })
  const { client } = await logIn()
  const { client: other } = await logIn()
  const cookie = `htgate=${client.cookie(gate.url, 'htgate')}`
  const statuses = async (cookie: string) => {
    const all = new Set<number>()
    for (let i = 0; i < 8; i++) all.add((await request(`${gate.url}/`, { headers: { cookie } })).status)
    return [...all]
  }
  expect(await statuses(cookie)).toEqual([200])

  // On the issuer's own page: the browser sends no request here.
  const page = await client.open(`${issuer.url}/session/end`)
  await client.submit(page, { logout: 'yes' }, formsIn(page).length - 1)
  await expect.poll(() => statuses(cookie), { timeout: 20_000 }).toEqual([401])
  await until(() => gate.output().includes('the issuer ended sessions'), gate.output)
  expect(await statuses(`htgate=${other.cookie(gate.url, 'htgate')}`)).toEqual([200])
})

test('a worker that starts later knows about a logout', async () => {
  const { gate, logIn } = await startLab({ args: ['--workers', '2'] })
  const { client } = await logIn()
  const cookie = `htgate=${client.cookie(gate.url, 'htgate')}`
  const account = await client.get(`${gate.url}/.htgate/`)
  const index = formsIn(account).findIndex(({ action }) => action.endsWith('/logout'))
  await client.submit(account, {}, index)
  const supervisor = (gate as GateProcess).process.pid
  const workers = () =>
    readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, 'latin1').trim().split(' ')
  const before = workers()
  expect(before).toHaveLength(2)
  for (const pid of before) process.kill(Number(pid), 'SIGKILL')
  await until(() => workers().length === 2 && workers().every((pid) => pid !== '' && !before.includes(pid)))
  // A worker listens before it has received any logouts.
  await expect
    .poll(
      async () => {
        const all = new Set<number>()
        for (let i = 0; i < 8; i++) {
          const answer = await request(`${gate.url}/`, { headers: { cookie } }).catch(() => ({ status: 0 }))
          all.add(answer.status)
        }
        return [...all]
      },
      { timeout: 30_000 },
    )
    .toEqual([401])
})

test('no one else can end a session', async () => {
  const { gate, issuer, logIn } = await startLab()
  const { client } = await logIn()
  const access = await issuer.programToken()
  const url = `${gate.url}/.htgate/backchannel-logout`
  for (const body of [
    '',
    'logout_token=',
    'logout_token=x.y.z',
    `logout_token=${access}`,
    'x'.repeat(100_000),
  ]) {
    const answer = await request(url, { method: 'POST', headers: form, body })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ error: 'invalid_request' })
    expect(answer.headers['cache-control']).toBe('no-store')
  }
  expect((await request(url)).status).toBe(404)
  expect((await client.get(`${gate.url}/`)).status).toBe(200)
  await until(() => gate.output().includes('back-channel logout refused: '), gate.output)
})
