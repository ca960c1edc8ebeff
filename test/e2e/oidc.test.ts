import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { type Gate, startGate } from '../support/gate.js'
import {
  AUDIENCE,
  CLIENT_ID,
  CLIENT_SECRET,
  goMissing,
  startOidcProvider,
  startZitadel,
} from '../support/issuers.js'
import { mlflowClient } from '../support/mlflow.js'
import { describeIf, describeWith } from '../support/peers.js'
import { freePort } from '../support/servers.js'
import { type Stage, setStage } from '../support/stage.js'

// A user's day: open MLflow in a real browser, log in at a real issuer, look at runs, and create a token, which a real MLflow
// client uses until it is revoked.

let stage: Stage

/** A gate in front of MLflow, with this issuer. */
async function start(startIssuer: typeof startOidcProvider): Promise<Gate> {
  const folder = temporaryFolder()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const issuer = await startIssuer({
    redirectUris: [`${url}/.htgate/callback`],
    logoutUris: [`${url}/.htgate/logged-out`],
    users: { ann: { password: 'ann-pw', groups: ['ml-team'] } },
  })
  const [secret, session] = [join(folder, 'client'), join(folder, 'session')]
  writeFileSync(secret, CLIENT_SECRET)
  writeFileSync(session, 'a session secret of more than 32 characters')
  return startGate({
    upstream: stage.mlflow.url,
    args: [
      ...['--oidc-issuer', issuer.url, '--oidc-client-id', CLIENT_ID, '--oidc-client-secret-file', secret],
      ...['--oidc-audience', AUDIENCE, '--session-secret-file', session],
      ...['--token-file', join(folder, 'tokens'), '--readers', '*', '--writers', 'group:ml-team'],
    ],
    listen: `127.0.0.1:${port}`,
  })
}

async function logIn(page: Page): Promise<void> {
  const name = page.locator('input[name=login], input[name=username]')
  await name.waitFor()
  await name.fill('ann')
  await page.locator('input[name=password]').fill('ann-pw')
  await page.locator('button[type=submit], button').first().click()
  // oidc-provider asks for consent.
  await page.waitForURL((url) => url.pathname.startsWith('/interaction/') || !/login/.test(url.pathname))
  if (page.url().includes('/interaction/')) await page.locator('button[type=submit], button').first().click()
}

const metric = (gate: Gate, token: string, run: string) =>
  mlflowClient('test/e2e/client.py', ['metric', run], {
    MLFLOW_TRACKING_URI: gate.url,
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1',
  })

const ISSUERS = [
  { name: 'oidc-provider', startIssuer: startOidcProvider, missing: [] as string[] },
  { name: 'zitadel', startIssuer: startZitadel, missing: goMissing() },
]

describeWith(['chromium', 'mlflow'], 'Chromium and MLflow', () => {
  beforeAll(async () => {
    stage = await setStage()
  }, 240_000)

  afterAll(() => stage?.close())

  for (const { name, startIssuer, missing } of ISSUERS)
    describeIf(missing, name, () => {
      test('log in, see runs, create a token, use it, revoke it', async () => {
        const gate = await start(startIssuer)
        const context = await stage.browser.newContext({ viewport: { width: 1280, height: 800 } })
        onTestFinished(() => context.close())
        // MLflow’s page is large, and this machine may be busy.
        context.setDefaultTimeout(90_000)
        const page = await context.newPage()
        // MLflow's page keeps its location in the fragment.
        await page.goto(`${gate.url}/#/experiments/${stage.experiment}/runs`)
        await logIn(page)
        await page.getByRole('link', { name: 'deeper' }).waitFor({ timeout: 60_000 })
        expect(page.url()).toContain(`/#/experiments/${stage.experiment}/runs`)

        await page.goto(`${gate.url}/.htgate/`)
        await page.getByLabel('Name').fill('laptop')
        await page.getByRole('button', { name: 'Create token' }).click()
        const lines = await page.getByLabel('Lines for the shell').inputValue()
        const token = /MLFLOW_TRACKING_TOKEN=(htg_\w+)/.exec(lines)?.[1] as string
        expect(lines).toContain(`export MLFLOW_TRACKING_URI=${gate.url}`)
        if (process.env.HTGATE_SCREENSHOT_ACCOUNT) {
          await page.screenshot({ path: process.env.HTGATE_SCREENSHOT_ACCOUNT, fullPage: true })
        }

        expect(await metric(gate, token, stage.run)).toMatchObject({ status: 0 })
        const all = await mlflowClient('test/e2e/client.py', ['all', '100000'], {
          MLFLOW_TRACKING_URI: gate.url,
          MLFLOW_TRACKING_USERNAME: 'ann',
          MLFLOW_TRACKING_PASSWORD: token,
        })
        expect(all.stderr.toString() + all.status).toMatch(/0$/)

        await page.goto(`${gate.url}/.htgate/`)
        await page.getByRole('button', { name: 'Revoke laptop' }).click()
        await page.getByText('Token revoked.').waitFor()
        expect((await metric(gate, token, stage.run)).status).not.toBe(0)

        // The sessions here and at the issuer have ended: the next page leads to the login, and from there to that page.
        await page.goto(`${gate.url}/#/experiments/${stage.experiment}/runs`)
        const link = page.getByRole('link', { name: 'deeper' })
        await link.waitFor({ timeout: 60_000 })
        await context.clearCookies()
        await link.click()
        await logIn(page)
        await page.waitForURL((url) => url.origin === gate.url && url.hash.includes(`/runs/${stage.run}`))
        await page.getByText('Overview').first().waitFor({ timeout: 60_000 })
        await page.getByText('deeper').first().waitFor()
        if (process.env.HTGATE_SCREENSHOT_BACK) {
          await page.screenshot({ path: process.env.HTGATE_SCREENSHOT_BACK })
        }
      }, 240_000)
    })
})
