// Takes screenshots of the gate's own pages: node scripts/screenshots.js FOLDER [PAGE…]. Each page is shown on desktop and
// phone, light and dark. --docs takes those in docs/ instead. Requires Chromium (CHROMIUM=PATH, or in /usr/bin).
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { TokenProvider } from '../dist/auth/providers/tokens/provider.js'
import { createToken } from '../dist/auth/providers/tokens/token-file.js'
import { AccountPages } from '../dist/gate/pages/account.js'
import { LoginPages } from '../dist/gate/pages/login.js'
import { policyReplies } from '../dist/gate/policy-replies.js'
import { renderReply, replies } from '../dist/gate/replies.js'
import { MlflowProfile } from '../dist/policy/mlflow.js'

const DAY = 86_400_000
const profile = new MlflowProfile()
const words = { challenges: [], profile }
const folder = mkdtempSync(join(tmpdir(), 'htgate-screenshots-'))

/** The HTML of each page, by name. */
async function allPages() {
  const file = join(folder, 'tokens')
  const principal = {
    name: 'ann',
    provider: 'oidc',
    groups: ['ml-team', 'staff'],
    expiresAt: Date.now() + DAY / 24,
  }
  const tokens = new TokenProvider({ file })
  const of = { user: 'ann', account: 'oidc', confirmed: true }
  await createToken(file, { ...of, role: 'read', name: 'dashboard', expires: Date.now() + 20 * DAY })
  await createToken(file, { ...of, role: 'write', name: 'training cluster', expires: Date.now() + 340 * DAY })
  await tokens.start()
  const options = {
    roleOf: () => 'write',
    groupsOf: ({ groups }) => groups,
    formCode: () => 'code',
    canLookUp: () => true,
    logoutOrigins: () => [],
    serverName: profile.title,
  }
  const account = new AccountPages({ ...options, tokens })
  const login = { principal, kind: 'session' }
  const form = new URLSearchParams({ name: 'laptop', role: 'write', days: '90' })
  const issuer = {
    issuer: { trouble: 'no response', answers: async () => false },
    logoutUrl: () => undefined,
  }
  const logins = new LoginPages({
    login: issuer,
    sessions: { sessionIn: () => undefined, ttl: 1 },
    seals: () => ({}),
    renewAfter: 1,
    hasPasswords: true,
    isLogin: () => false,
    onLogin() {},
    onFailure() {},
  })
  const request = { query: '', host: 'mlflow.example.org', proto: 'https', cookie: undefined }
  const html = (reply) => renderReply(reply, 'text/html', profile.errorBody).body
  const pages = {
    'login-needed': html(replies.loginNeeded(words)),
    'login-failed': html(replies.loginFailed(words)),
    'permission-denied': html(policyReplies.forbidden('write', 'read')),
    'too-many-failures': html(replies.tooManyFailures(words, 238)),
    unavailable: html(replies.unavailable),
    'upstream-down': html(replies.upstreamDown),
    account: (await account.show(login)).body,
    'no-tokens': (await new AccountPages(options).show({ ...login, kind: 'basic' })).body,
    refused: (await account.create(login, new URLSearchParams(), '')).body,
    'token-made': (await account.create(login, form, 'https://mlflow.example.org')).body,
    'logged-out': logins.loggedOut().body,
    'login-unavailable': (await logins.start(request)).body,
    'login-insecure': (await logins.start({ ...request, proto: 'http' })).body,
  }
  await tokens.close()
  return pages
}

const VARIANTS = [
  { name: 'desktop-light', width: 1280, height: 800, scheme: 'light' },
  { name: 'desktop-dark', width: 1280, height: 800, scheme: 'dark' },
  { name: 'phone-light', width: 375, height: 667, scheme: 'light' },
  { name: 'phone-dark', width: 375, height: 667, scheme: 'dark' },
]

/** The screenshots in docs/: one page each, no larger than needed. */
const IN_DOCS = [{ file: 'docs/account.png', page: 'token-made', width: 720, height: 990, scheme: 'light' }]

const [target = '', ...names] = process.argv.slice(2)
const pages = await allPages()
const server = createServer(({ url }, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8').end(pages[url.slice(1)] ?? '')
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
})

async function shoot(page, { width, height, scheme }, path, fullPage = true) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme })
  const tab = await context.newPage()
  await tab.goto(`http://127.0.0.1:${server.address().port}/${page}`)
  await tab.screenshot({ path, fullPage })
  await context.close()
}

try {
  if (target === '--docs') for (const each of IN_DOCS) await shoot(each.page, each, each.file, false)
  else {
    mkdirSync(target, { recursive: true })
    for (const page of names.length > 0 ? names : Object.keys(pages)) {
      for (const variant of VARIANTS) await shoot(page, variant, join(target, `${page}-${variant.name}.png`))
    }
  }
} finally {
  await browser.close()
  server.close()
  rmSync(folder, { recursive: true })
}
