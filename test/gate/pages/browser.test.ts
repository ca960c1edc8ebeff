import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { type Gate, passwordFile, record, request, startGate, startUpstream } from '../../support/gate.js'
import { describeWith, peer } from '../../support/peers.js'
import { basic } from '../../support/requests.js'
import { freePort } from '../../support/servers.js'
import { startLab } from './support.js'

// The gate's own pages in a real browser: by keyboard alone, without scripts, on a phone, and as seen by a screen reader.

const PHONE = { viewport: { width: 375, height: 667 } }

describeWith(['chromium'], 'the pages in Chromium', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: peer('chromium') as string,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
  }, 120_000)
  afterAll(() => browser?.close())

  /** A page, and what the browser reported as blocked there. */
  async function open(options: BrowserContextOptions = {}): Promise<{ page: Page; blocked: string[] }> {
    const context = await browser.newContext(options)
    context.setDefaultTimeout(60_000)
    onTestFinished(() => context.close())
    const page = await context.newPage()
    const blocked: string[] = []
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) blocked.push(message.text())
    })
    return { page, blocked }
  }

  async function gateWithTokens(): Promise<Gate> {
    const upstream = await startUpstream()
    const args = ['--token-file', join(temporaryFolder(), 'tokens')]
    return startGate({ upstream: upstream.url, args })
  }

  /** The name of the focused element, and whether its focus is visible. */
  const focused = (page: Page) =>
    page.evaluate(() => {
      const element = document.activeElement as HTMLElement
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      const { labels } = element as HTMLInputElement
      const name = element.ariaLabel ?? labels?.[0]?.querySelector('span')?.textContent ?? element.textContent
      return { name, isVisible: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 }
    })

  const tokenIn = async (page: Page): Promise<string> => {
    const lines = await page.getByLabel('Lines for the shell').inputValue()
    return /MLFLOW_TRACKING_TOKEN=(htg_\w+)/.exec(lines)?.[1] as string
  }

  const withScripts = (javaScriptEnabled: boolean) => ({
    javaScriptEnabled,
    httpCredentials: { username: 'alice', password: 'secret' },
  })

  test('create and revoke a token with the keyboard only; focus is visible and in page order', async () => {
    const gate = await gateWithTokens()
    const { page, blocked } = await open(withScripts(true))
    await page.goto(`${gate.url}/.htgate/`)
    const order: string[] = []
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press('Tab')
      const { name, isVisible } = await focused(page)
      expect(isVisible, `focus on ${name}`).toBe(true)
      order.push(name as string)
      if (name === 'Name') await page.keyboard.type('laptop')
    }
    expect(order).toEqual(['Open MLflow', 'Name', 'Role', 'Expires in', 'Create token'])
    await page.keyboard.press('Enter')
    await page.getByText('Copy it now').waitFor()
    expect(await page.title()).toBe('Token created – Your account')
    // The lines to copy have the focus.
    expect((await focused(page)).name).toBe('Lines for the shell')
    const token = await tokenIn(page)
    const status = async () =>
      (await request(gate.url, { headers: { authorization: `Bearer ${token}` } })).status
    expect(await status()).toBe(200)

    for (let i = 0; i < 2; i++) await page.keyboard.press('Tab')
    expect((await focused(page)).name).toBe('Revoke laptop')
    await page.keyboard.press('Enter')
    await page.getByText('Token revoked.').waitFor()
    expect(await page.title()).toBe('Token revoked – Your account')
    expect(await status()).toBe(401)
    expect(blocked).toEqual([])
  }, 120_000)

  test('work without scripts, and on a phone nothing is wider than the screen', async () => {
    const gate = await gateWithTokens()
    const { page } = await open({ ...withScripts(false), ...PHONE })
    await page.goto(`${gate.url}/.htgate/`)
    await page.getByLabel('Name').fill('phone')
    await page.getByRole('button', { name: 'Create token' }).click()
    const authorization = `Bearer ${await tokenIn(page)}`
    expect((await request(gate.url, { headers: { authorization } })).status).toBe(200)
    const box = await page.locator('html').evaluate((html) => html.scrollWidth)
    expect(box).toBeLessThanOrEqual(PHONE.viewport.width)
    await page.getByRole('button', { name: 'Revoke phone' }).click()
    await page.getByText('Token revoked.').waitFor()
  }, 120_000)

  test('a screen reader finds language, landmark, headings, labels, table and messages', async () => {
    const gate = await gateWithTokens()
    for (const size of [{}, PHONE]) {
      const { page } = await open({ ...withScripts(true), ...size })
      await page.goto(`${gate.url}/.htgate/`)
      await page.getByLabel('Name').fill('laptop')
      await page.getByRole('button', { name: 'Create token' }).click()
      await page.getByRole('status').getByText('Copy it now').waitFor()
      expect(await page.locator('html').getAttribute('lang')).toBe('en')
      await expect.poll(() => page.getByRole('main').count()).toBe(1)
      expect(await page.getByRole('heading', { level: 1 }).allTextContents()).toEqual(['Your account'])
      expect(await page.getByRole('heading', { level: 2 }).allTextContents()).toEqual([
        'Your tokens',
        'New token',
        'Log out',
      ])
      const table = page.getByRole('table', { name: 'Your tokens' })
      expect(await table.getByRole('columnheader').allTextContents()).toEqual([
        ...['Name', 'Role', 'Expires', 'Last used', 'Revoke'],
      ])
      expect(await page.getByRole('form', { name: 'New token' }).count()).toBe(1)
      const unlabelled = page.locator('input:not([type=hidden]), select')
      expect(
        await unlabelled.evaluateAll((all) => all.filter((e) => !(e as HTMLInputElement).labels?.length)),
      ).toEqual([])
      await page.getByLabel('Name').fill('   ')
      await page.getByRole('button', { name: 'Create token' }).click()
      await page.getByRole('alert').getByText('Give the token a name').waitFor()
    }
  }, 120_000)

  test('401, 403, 429, 502 and 503 say what to do, and a button reloads the page', async () => {
    const upstream = await startUpstream()
    const file = passwordFile(record('alice', 'secret') + record('bob', 'builder'))
    const args = ['--writers', 'user:alice', '--login-failures', '2']
    const gate = await startGate({ upstream: upstream.url, file, args })
    const { page, blocked } = await open(PHONE)
    // The page that a browser shows after its dialog is canceled; this browser has no dialog.
    await page.route('**', async (route) => {
      const response = await route.fetch()
      const { 'www-authenticate': _, ...headers } = response.headers()
      await route.fulfill({ response, headers })
    })
    await page.goto(`${gate.url}/runs?a=1&b=2`)
    expect(await page.title()).toBe('Login required')
    expect(await page.getByRole('heading').allTextContents()).toEqual(['Login required', 'For programs'])
    const again = page.getByRole('link', { name: 'Log in' })
    await page.keyboard.press('Tab')
    expect(await again.evaluate((link) => link === document.activeElement)).toBe(true)
    const [response] = await Promise.all([
      page.waitForResponse((response) => response.status() === 401),
      page.keyboard.press('Enter'),
    ])
    expect(response.url()).toBe(`${gate.url}/runs?a=1&b=2`)

    const as = async (user: string, password: string) => {
      const { page } = await open({ extraHTTPHeaders: { authorization: basic(user, password) } })
      await page.goto(gate.url).catch((error) => error)
      return page
    }
    const bob = await as('bob', 'builder')
    expect(await bob.title()).toBe('Permission denied')
    expect(await bob.getByRole('main').textContent()).toContain('you have no role on this server')
    for (const guess of ['one', 'two', 'three'])
      await request(gate.url, { headers: { authorization: basic('bob', guess) } })
    const limited = await as('bob', 'four')
    expect(await limited.getByRole('main').textContent()).toMatch(
      /Wait (?:\d minutes|\d+ seconds?), then log in/,
    )

    renameSync(file, `${file}.away`)
    await expect
      .poll(async () => (await as('alice', 'secret')).title(), { timeout: 30_000 })
      .toBe('Logins unavailable')
    const down = await startGate({ upstream: `http://127.0.0.1:${await freePort()}` })
    const { page: broken } = await open({ extraHTTPHeaders: { authorization: basic('alice', 'secret') } })
    await broken.goto(down.url)
    expect(await broken.title()).toBe('The server behind this gate is down')
    expect(await broken.getByRole('link', { name: 'Try again' }).count()).toBe(1)
    expect(blocked).toEqual([])
  }, 120_000)

  test('log in at an issuer, create a token, and log out', async () => {
    const { gate } = await startLab()
    const { page, blocked } = await open()
    await page.goto(`${gate.url}/.htgate/`)
    await page.locator('input[name=login]').fill('ann')
    await page.locator('input[name=password]').fill('ann-pw')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => !url.pathname.endsWith('/login') && url.pathname !== '/')
    if (page.url().includes('/interaction/')) await page.locator('button').first().click()
    await page.getByLabel('Name').fill('laptop')
    await page.keyboard.press('Enter')
    const authorization = `Bearer ${await tokenIn(page)}`
    expect((await request(gate.url, { headers: { authorization } })).status).toBe(200)
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.waitForURL((url) => !url.href.startsWith(gate.url) || url.pathname.endsWith('/logged-out'))
    const cookies = await page.context().cookies(gate.url)
    expect(cookies.filter(({ name }) => name === 'htgate')).toEqual([])
    expect(blocked).toEqual([])
  }, 120_000)
})
