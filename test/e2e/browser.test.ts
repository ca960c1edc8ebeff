import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { logOf, startHtgate } from '../support/htgate.js'
import { describeWith } from '../support/peers.js'
import { htpasswd } from '../support/run.js'
import type { Server } from '../support/servers.js'
import { chartsDrawn, PATIENCE, type Stage, setStage } from '../support/stage.js'

// MLflow's user interface in a real browser, through htgate: at an address; and, as on a colleague's machine, at a name of the
// local network, in front of an MLflow started without options for host names.
// With HTGATE_SCREENSHOT=docs/mlflow.png it also makes the picture in the README, with HTGATE_SCREENSHOT_REFUSAL=FILE the
// one of a reader's refusal.

const USER = 'alice'
const PASSWORD = 'correct horse'
const NAME = 'mlflow.lan'

/** MLflow's page checks for MLflow's own login, which is off. */
const ASKS_FOR_BASIC_AUTH_APP = '/ajax-api/2.0/mlflow/users/current'

let stage: Stage

describeWith(['chromium', 'mlflow'], 'MLflow in Chromium', () => {
  beforeAll(async () => {
    stage = await setStage(NAME)
  }, 240_000)

  afterAll(() => stage?.close())

  describe('at an address', () => {
    let htgate: Server

    beforeAll(async () => {
      const passwords = join(stage.folder, 'alice')
      await htpasswd(['-cbB', '-C', '10', passwords, USER, PASSWORD])
      htgate = await startHtgate(['--file', passwords, '--upstream', stage.mlflow.url])
    })

    afterAll(() => htgate?.stop())

    /** Errors on a page while it is open. */
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
      const context = await stage.browser.newContext({
        httpCredentials: { username: USER, password: PASSWORD },
        viewport: { width: 1280, height: 720 },
      })
      context.setDefaultTimeout(PATIENCE)
      const page = await context.newPage()
      const found = troubles(page)

      await page.goto(`${htgate.url}/#/experiments/${stage.experiment}/runs`)
      await page.getByRole('link', { name: 'deeper' }).waitFor()
      await page.getByRole('link', { name: 'baseline' }).waitFor()

      const charts = `${htgate.url}/#/experiments/${stage.experiment}/runs/${stage.run}/model-metrics`
      await openCharts(page, charts)
      await takePicture(page, charts)
      expect(found).toEqual([])
      await context.close()

      // The same from the gate's side, including requests by Chromium's workers.
      const failed = logOf(htgate).filter(({ user, status }) => user === USER && status >= 400)
      expect(failed.filter(({ path }) => path !== ASKS_FOR_BASIC_AUTH_APP)).toEqual([])
    }, 300_000)

    test('shows nothing with a wrong password', async () => {
      const context = await stage.browser.newContext({
        httpCredentials: { username: USER, password: 'wrong' },
      })
      const page = await context.newPage()
      const response = await page.goto(htgate.url)
      expect(response?.status()).toBe(401)
      expect(await page.textContent('body')).toContain('The user name or password is wrong')
      await context.close()
    })
  })

  describe('at a name that is not localhost', () => {
    let gate: Server
    let url: string

    beforeAll(async () => {
      const passwords = join(stage.folder, 'roles')
      writeFileSync(passwords, '')
      for (const user of ['rita', 'will']) await htpasswd(['-bB', '-C', '4', passwords, user, user])
      const roles = ['--readers', 'user:rita', '--writers', 'user:will']
      gate = await startHtgate(['--file', passwords, '--upstream', stage.mlflow.url, ...roles])
      url = `http://${NAME}:${gate.port}`
    })

    afterAll(() => gate?.stop())

    async function open(user: string): Promise<BrowserContext> {
      const context = await stage.browser.newContext({
        httpCredentials: { username: user, password: user },
        viewport: { width: 1280, height: 720 },
      })
      context.setDefaultTimeout(PATIENCE)
      return context
    }

    /** Requests of a page that the gate or MLflow refuses while it is open. */
    function refusals(page: Page): string[] {
      const list: string[] = []
      page.on('response', (response) => {
        const { pathname } = new URL(response.url())
        // The page asks for model deployments, which a writer may use. It does without them.
        if (pathname.endsWith('/gateway-proxy')) return
        if (response.status() === 403 || response.status() >= 500)
          list.push(`${response.status()} ${pathname}`)
      })
      return list
    }

    /** Renames the run in MLflow's own dialog. */
    async function rename(page: Page, name: string): Promise<void> {
      await page.goto(`${url}/#/experiments/${stage.experiment}/runs/${stage.run}`)
      await page.locator('[data-testid="overflow-menu-trigger"]').first().click()
      await page.getByRole('menuitem', { name: 'Rename' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('textbox').fill(name)
      await dialog.getByRole('button', { name: /save|rename/i }).click()
    }

    /** Deletes the run. */
    async function remove(page: Page): Promise<void> {
      await page.goto(`${url}/#/experiments/${stage.experiment}/runs/${stage.run}`)
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
      const response = await fetch(`${stage.mlflow.url}/api/2.0/mlflow/runs/get?run_id=${stage.run}`)
      return (await response.json()).run.info
    }

    test('a reader sees runs, charts, artifacts and traces, and MLflow’s page shows why changes are refused', async () => {
      const context = await open('rita')
      const page = await context.newPage()
      const refused = refusals(page)
      await page.goto(`${url}/#/experiments/${stage.experiment}/runs`)
      await page.getByRole('link', { name: 'deeper' }).waitFor()
      await page.goto(`${url}/#/experiments/${stage.experiment}/runs/${stage.run}/model-metrics`)
      await chartsDrawn(page)
      await page.goto(`${url}/#/experiments/${stage.experiment}/runs/${stage.run}/artifacts`)
      await page
        .getByText(/notes|no artifacts/i)
        .first()
        .waitFor()
      await page.goto(`${url}/#/experiments/${stage.experiment}/traces`)
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
      expect(refused).toEqual([
        '403 /ajax-api/2.0/mlflow/runs/update',
        '403 /ajax-api/2.0/mlflow/runs/delete',
      ])
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

    test('a page of another origin cannot write as the user', async () => {
      const context = await open('will')
      const page = await context.newPage()
      await page.goto(url) // The browser knows the login from now on.
      const before = (
        await (await fetch(`${stage.mlflow.url}/api/2.0/mlflow/experiments/search?max_results=100`)).json()
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
        await (await fetch(`${stage.mlflow.url}/api/2.0/mlflow/experiments/search?max_results=100`)).json()
      ).experiments.length
      expect(after).toBe(before)
      await context.close()
    }, 120_000)
  })
})

/** Opens the page of a run's charts, and waits until all three are drawn. */
async function openCharts(page: Page, url: string): Promise<void> {
  await page.goto(url)
  for (const metric of ['accuracy', 'train_loss', 'val_loss']) {
    await page.getByText(`deeper (${metric})`).waitFor()
  }
  await chartsDrawn(page)
}

/** The README's picture, without MLflow's assistant. */
async function takePicture(page: Page, charts: string): Promise<void> {
  const path = process.env.HTGATE_SCREENSHOT
  if (path === undefined) return
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: 'Model training' }).click()
  await page.getByText('Model registry').waitFor()
  await openCharts(page, charts)
  await page.waitForTimeout(2000) // Wait for animations to finish.
  await page.screenshot({ path })
}
