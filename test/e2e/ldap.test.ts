import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startHtgate } from '../support/htgate.js'
import { mlflowClient, startMlflow } from '../support/mlflow.js'
import { describeWith, peer } from '../support/peers.js'
import type { Result } from '../support/run.js'
import type { Server } from '../support/servers.js'
import { group, PEOPLE, person, SERVICE, type Slapd, startSlapd } from '../support/slapd.js'

// A real MLflow behind htgate, with users and roles from a real directory over TLS.

const WRITER = ['gesa', 'größer, als gedacht'] as const
const READER = ['rita', 'nur lesen'] as const

describeWith(['mlflow', 'slapd', 'ldapmodify', 'openssl'], 'MLflow and a directory', () => {
  let folder: string
  let slapd: Slapd
  let mlflow: Server
  let htgate: Server

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'htgate-mlflow-ldap-'))
    slapd = await startSlapd({
      entries: [WRITER, READER, ['none', 'x'] as const].map(([uid, pw]) => person(uid, pw)),
    })
    const dn = (name: string) => `uid=${name},${PEOPLE}`
    await slapd.modify(group('ML Team', 'groupOfNames', 'member', [dn('gesa')]))
    await slapd.modify(group('staff', 'groupOfNames', 'member', [dn('gesa'), dn('rita')]))
    const password = join(folder, 'password')
    writeFileSync(password, SERVICE.password)
    mlflow = await startMlflow(folder)
    htgate = await startHtgate([
      ...['--upstream', mlflow.url, '--ldap-url', `${slapd.secureUrl}/${PEOPLE}`, '--ldap-ca', slapd.ca],
      ...['--ldap-bind-dn', SERVICE.dn, '--ldap-bind-password-file', password],
      ...['--writers', 'group:ml team', '--readers', 'group:staff'],
    ])
  }, 180_000)

  afterAll(async () => {
    await htgate?.stop()
    await mlflow?.stop()
    await slapd?.end()
    rmSync(folder, { recursive: true, force: true })
  })

  async function client(args: string[], [user, password]: readonly [string, string]): Promise<string> {
    const result: Result = await mlflowClient('test/e2e/client.py', args, {
      MLFLOW_TRACKING_URI: htgate.url,
      MLFLOW_TRACKING_USERNAME: user,
      MLFLOW_TRACKING_PASSWORD: password,
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
    })
    const { status, stdout, stderr } = result
    return status === 0 ? (stdout.toString().trim().split('\n').at(-1) as string) : `failed: ${stderr}`
  }

  test('a writer can do everything with MLflow’s own client', async () => {
    expect(await client(['all', String(4 << 20)], WRITER)).toMatch(/^\d+ [0-9a-f]{32}$/)
  }, 120_000)

  test('a reader reads, and a refused write shows why', async () => {
    expect(Number(await client(['ping'], READER))).toBeGreaterThan(0)
    expect(await client(['metrics', '1'], READER)).toMatch(/^failed: .*PERMISSION_DENIED/s)
  }, 120_000)

  test('a user without a role and a wrong password are rejected', async () => {
    expect(await client(['ping'], ['none', 'x'])).toMatch(/^failed: .*PERMISSION_DENIED/s)
    expect(await client(['ping'], ['gesa', 'falsch'])).toMatch(/^failed: .*password is wrong/s)
  }, 120_000)

  test.skipIf(peer('chromium') === undefined)(
    'Chromium shows MLflow to the reader',
    async () => {
      const [username, password] = READER
      const browser = await chromium.launch({
        executablePath: peer('chromium') as string,
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
      })
      onTestFinished(() => browser.close())
      const context = await browser.newContext({ httpCredentials: { username, password } })
      const page = await context.newPage()
      const failed: string[] = []
      page.on('response', (response) => {
        if (response.status() >= 500 || response.status() === 401)
          failed.push(`${response.status()} ${response.url()}`)
      })
      await page.goto(`${htgate.url}/#/experiments`)
      await page.getByText('Default').first().waitFor()
      expect(failed).toEqual([])
    },
    120_000,
  )
})
