import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { logOf, startHtgate } from '../support/htgate.js'
import { mlflowClient, startMlflow } from '../support/mlflow.js'
import { describeWith, peer } from '../support/peers.js'
import { htpasswd } from '../support/run.js'
import type { Server } from '../support/servers.js'

// MLflow's user interface in a real browser, through htgate. With HTGATE_SCREENSHOT=docs/mlflow.png it also makes the
// picture in the README.

const USER = 'alice'
const PASSWORD = 'correct horse'

/** MLflow's page asks whether MLflow's own login is there; no, says MLflow. */
const ASKS_FOR_BASIC_AUTH_APP = '/ajax-api/2.0/mlflow/users/current'

describeWith(['chromium', 'mlflow'], 'Chromium', () => {
  let folder: string
  let mlflow: Server
  let htgate: Server
  let browser: Browser
  let experiment: string
  let run: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'htgate-browser-'))
    const passwords = join(folder, 'htpasswd')
    await htpasswd(['-cbB', '-C', '10', passwords, USER, PASSWORD])
    mlflow = await startMlflow(join(folder, 'mlflow'))
    htgate = await startHtgate(['--file', passwords, '--upstream', mlflow.url])
    const { stdout } = await mlflowClient('test/e2e/client.py', ['curves'], {
      MLFLOW_TRACKING_URI: mlflow.url,
    })
    const [, one = '', other = ''] = /^(\d+) ([0-9a-f]{32})$/m.exec(stdout.toString()) ?? []
    experiment = one
    run = other
    browser = await chromium.launch({
      executablePath: peer('chromium') as string,
      // Root has no sandbox; a container's /dev/shm is small.
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
  }, 180_000)

  afterAll(async () => {
    await browser?.close()
    await htgate?.stop()
    await mlflow?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What went wrong on a page, for as long as it is open. */
  function troubles(page: Page): string[] {
    const list: string[] = []
    page.on('requestfailed', (request) => list.push(`${request.url()}: ${request.failure()?.errorText}`))
    page.on('pageerror', (error) => list.push(error.message))
    page.on('response', (response) => {
      const { origin, pathname } = new URL(response.url())
      if (origin !== htgate.url) list.push(`${response.url()} is elsewhere`)
      else if (response.status() >= 400 && pathname !== ASKS_FOR_BASIC_AUTH_APP)
        list.push(`${response.status()} ${response.url()}`)
    })
    return list
  }

  test('logs in, opens the experiment and a run’s metric charts; no request of the page fails', async () => {
    const context = await browser.newContext({
      httpCredentials: { username: USER, password: PASSWORD },
      viewport: { width: 1280, height: 720 },
    })
    // MLflow's page is large, and this machine may be busy.
    context.setDefaultTimeout(90_000)
    const page = await context.newPage()
    const found = troubles(page)

    await page.goto(`${htgate.url}/#/experiments/${experiment}/runs`)
    await page.getByRole('link', { name: 'deeper' }).waitFor()
    await page.getByRole('link', { name: 'baseline' }).waitFor()

    const charts = `${htgate.url}/#/experiments/${experiment}/runs/${run}/model-metrics`
    await openCharts(page, charts)
    await takePicture(page, charts)
    expect(found).toEqual([])
    await context.close()

    // The same from the other side, with what Chromium's workers asked for.
    const failed = logOf(htgate).filter(({ user, status }) => user === USER && status >= 400)
    expect(failed.filter(({ path }) => path !== ASKS_FOR_BASIC_AUTH_APP)).toEqual([])
  }, 300_000)

  test('with a wrong password sees nothing of MLflow', async () => {
    const context = await browser.newContext({ httpCredentials: { username: USER, password: 'wrong' } })
    const page = await context.newPage()
    const response = await page.goto(htgate.url)
    expect(response?.status()).toBe(401)
    expect(await page.textContent('body')).toContain('The user name or the password is wrong')
    await context.close()
  })
})

/** Opens the page of a run's charts, and waits until all three are drawn. */
async function openCharts(page: Page, url: string): Promise<void> {
  await page.goto(url)
  for (const metric of ['accuracy', 'train_loss', 'val_loss']) {
    await page.getByText(`deeper (${metric})`).waitFor()
  }
  const drawn = page.locator('.js-plotly-plot:has(path.js-line)')
  await vi.waitFor(async () => expect(await drawn.count()).toBe(3), { timeout: 30_000 })
}

/** The README's picture, without MLflow's assistant. */
async function takePicture(page: Page, charts: string): Promise<void> {
  const path = process.env.HTGATE_SCREENSHOT
  if (path === undefined) return
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: 'Model training' }).click()
  await page.getByText('Model registry').waitFor()
  await openCharts(page, charts)
  await page.waitForTimeout(2000) // Until what moves has come to rest.
  await page.screenshot({ path })
}
