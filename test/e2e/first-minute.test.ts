import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startHtgate } from '../support/htgate.js'
import { mlflowClient, startMlflow } from '../support/mlflow.js'
import { describeWith, peer } from '../support/peers.js'
import { htpasswd } from '../support/run.js'
import type { Server } from '../support/servers.js'

// The first minute of somebody on another machine: a real Chromium that opens the gate by a name of the local network, in
// front of the newest MLflow, which was started with no options that concern names. With HTGATE_SCREENSHOT_REFUSAL=FILE it
// also makes the picture of a reader's refusal.

const NAME = 'mlflow.lan'

describeWith(['chromium', 'mlflow'], 'Chromium, by a name that is not localhost', () => {
  let folder: string
  let mlflow: Server
  let gate: Server
  let browser: Browser
  let experiment: string
  let run: string
  let url: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'htgate-minute-'))
    const passwords = join(folder, 'htpasswd')
    writeFileSync(passwords, '')
    for (const user of ['rita', 'will']) await htpasswd(['-bB', '-C', '4', passwords, user, user])
    mlflow = await startMlflow(join(folder, 'mlflow'))
    const roles = ['--readers', 'user:rita', '--writers', 'user:will']
    gate = await startHtgate(['--file', passwords, '--upstream', mlflow.url, ...roles])
    url = `http://${NAME}:${gate.port}`
    const { stdout } = await mlflowClient('test/e2e/client.py', ['curves'], {
      MLFLOW_TRACKING_URI: mlflow.url,
    })
    const [, one = '', other = ''] = /^(\d+) ([0-9a-f]{32})$/m.exec(stdout.toString()) ?? []
    experiment = one
    run = other
    browser = await chromium.launch({
      executablePath: peer('chromium') as string,
      args: ['--no-sandbox', '--disable-dev-shm-usage', `--host-resolver-rules=MAP ${NAME} 127.0.0.1`],
    })
  }, 240_000)

  afterAll(async () => {
    await browser?.close()
    await gate?.stop()
    await mlflow?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function open(user: string): Promise<BrowserContext> {
    const context = await browser.newContext({
      httpCredentials: { username: user, password: user },
      viewport: { width: 1280, height: 720 },
    })
    // MLflow's page is large, and this machine may be busy.
    context.setDefaultTimeout(90_000)
    return context
  }

  /** What the gate or MLflow refused on a page, for as long as it is open. */
  function refusals(page: Page): string[] {
    const list: string[] = []
    page.on('response', (response) => {
      const { pathname } = new URL(response.url())
      // The page asks for model deployments, which a writer may use. It does without them.
      if (pathname.endsWith('/gateway-proxy')) return
      if (response.status() === 403 || response.status() >= 500) list.push(`${response.status()} ${pathname}`)
    })
    return list
  }

  /** Renames the run by MLflow's own dialogue. */
  async function rename(page: Page, name: string): Promise<void> {
    await page.goto(`${url}/#/experiments/${experiment}/runs/${run}`)
    await page.locator('[data-testid="overflow-menu-trigger"]').first().click()
    await page.getByRole('menuitem', { name: 'Rename' }).click()
    const dialogue = page.getByRole('dialog')
    await dialogue.getByRole('textbox').fill(name)
    await dialogue.getByRole('button', { name: /save|rename/i }).click()
  }

  /** Deletes it. */
  async function remove(page: Page): Promise<void> {
    await page.goto(`${url}/#/experiments/${experiment}/runs/${run}`)
    await page.locator('[data-testid="overflow-menu-trigger"]').first().click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^delete/i })
      .click()
  }

  const nameOfRun = async (): Promise<string> => (await runInfo()).run_name
  // biome-ignore lint/suspicious/noExplicitAny: MLflow's JSON
  async function runInfo(): Promise<any> {
    const response = await fetch(`${mlflow.url}/api/2.0/mlflow/runs/get?run_id=${run}`)
    return (await response.json()).run.info
  }

  test('a reader sees runs, charts, artifacts and traces, and MLflow’s page tells her why she can change nothing', async () => {
    const context = await open('rita')
    const page = await context.newPage()
    const refused = refusals(page)
    await page.goto(`${url}/#/experiments/${experiment}/runs`)
    await page.getByRole('link', { name: 'deeper' }).waitFor()
    await page.goto(`${url}/#/experiments/${experiment}/runs/${run}/model-metrics`)
    await vi.waitFor(
      async () => expect(await page.locator('.js-plotly-plot:has(path.js-line)').count()).toBe(3),
      { timeout: 60_000 },
    )
    await page.goto(`${url}/#/experiments/${experiment}/runs/${run}/artifacts`)
    await page
      .getByText(/notes|no artifacts/i)
      .first()
      .waitFor()
    await page.goto(`${url}/#/experiments/${experiment}/traces`)
    await page.getByText(/trace/i).first().waitFor()
    expect(refused).toEqual([])

    await rename(page, 'renamed by rita')
    const message = page.getByText(/requires the write role/).first()
    await message.waitFor()
    const picture = process.env.HTGATE_SCREENSHOT_REFUSAL
    if (picture !== undefined) await page.screenshot({ path: picture })
    expect(await nameOfRun()).toBe('deeper')

    await page.reload()
    await remove(page)
    await page
      .getByText(/requires the write role/)
      .first()
      .waitFor()
    expect((await runInfo()).lifecycle_stage).toBe('active')
    expect(refused).toEqual(['403 /ajax-api/2.0/mlflow/runs/update', '403 /ajax-api/2.0/mlflow/runs/delete'])
    await context.close()
  }, 400_000)

  test('a writer renames and deletes a run', async () => {
    const context = await open('will')
    const page = await context.newPage()
    const refused = refusals(page)
    await rename(page, 'renamed by will')
    await vi.waitFor(async () => expect(await nameOfRun()).toBe('renamed by will'), { timeout: 30_000 })
    await remove(page)
    await vi.waitFor(async () => expect((await runInfo()).lifecycle_stage).toBe('deleted'), {
      timeout: 30_000,
    })
    expect(refused).toEqual([])
    await context.close()
  }, 300_000)

  test('a page of another origin cannot write in the user’s name', async () => {
    const context = await open('will')
    const page = await context.newPage()
    await page.goto(url) // The browser knows the login from now on.
    const before = (
      await (await fetch(`${mlflow.url}/api/2.0/mlflow/experiments/search?max_results=100`)).json()
    ).experiments.length
    await page.route('http://evil.example/', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method=POST enctype=text/plain action="${url}/api/2.0/mlflow/experiments/create"><input name='{"name":"forged","x":"' value='"}'></form>`,
      }),
    )
    await page.goto('http://evil.example/')
    const [response] = await Promise.all([
      page.waitForResponse((response) => response.url().includes('/experiments/create')),
      page.evaluate('document.forms[0].submit()'),
    ])
    expect(response.status()).toBe(403)
    expect(await response.text()).toContain('page of another origin')
    const after = (
      await (await fetch(`${mlflow.url}/api/2.0/mlflow/experiments/search?max_results=100`)).json()
    ).experiments.length
    expect(after).toBe(before)
    await context.close()
  }, 120_000)
})
