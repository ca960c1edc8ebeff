import { isRole, type Principal, type Role } from '../../auth/principal.js'
import type { TokenProvider } from '../../auth/providers/tokens/provider.js'
import { dayText, idOf, type TokenRecord } from '../../auth/providers/tokens/records.js'
import { escapeHtml, htmlPage, type PageLogin, type PageRequest, type PageResponse } from './page.js'
import { BASE } from './site.js'

// The account page: the user's login and tokens.

const DAY = 86_400_000
const LIFETIMES = [7, 30, 90, 365]
const DEFAULT_LIFETIME = 90
const ROLES: readonly Role[] = ['read', 'write', 'admin']
const ROLE_NAMES: Readonly<Record<Role, string>> = { read: 'read', write: 'write', admin: 'admin' }
const MAX_TOKENS = 100

const PROVIDERS: Readonly<Record<string, string>> = {
  file: 'the password file',
  ldap: 'the directory (LDAP)',
  oidc: 'OpenID Connect',
  certificate: 'a client certificate',
  token: 'a token',
}

export interface AccountPagesOptions {
  /** Absent without a token file. */
  readonly tokens?: TokenProvider | undefined
  /** The role of a principal; undefined for none. */
  readonly roleOf: (principal: Principal) => Role | undefined
  readonly groupsOf: (principal: Principal) => readonly string[]
  /** The code that this user's forms must contain. */
  readonly formCode: (login: PageLogin) => string
  /** Whether the owner's provider can look the account up later. */
  readonly canLookUp: (provider: string) => boolean
  readonly logoutOrigins: () => readonly string[]
  /** The guarded server's name, as shown to users. Default: `the server`. */
  readonly serverName?: string | undefined
  readonly now?: (() => number) | undefined
}

/** A message at the top of the page. */
interface Notice {
  /** Start of the page's title, which a screen reader reads first. */
  readonly title: string
  readonly html: string
  readonly status?: number
}

export class AccountPages {
  readonly #options: AccountPagesOptions

  constructor(options: AccountPagesOptions) {
    this.#options = options
  }

  /** GET /.htgate/ */
  async show(login: PageLogin, notice?: Notice): Promise<PageResponse> {
    const { tokens, formCode, logoutOrigins } = this.#options
    const content = [
      notice === undefined ? '' : noteOf(notice),
      this.#whoIAm(login),
      tokens === undefined ? '' : await this.#tokens(login, tokens),
      login.kind === 'session' ? logOutForm(formCode(login)) : '',
      login.kind === 'basic'
        ? '<h2>Log out</h2>\n<p>A browser forgets a password when it is closed.</p>'
        : '',
    ]
    const title = notice === undefined ? HEADING : `${notice.title} – ${HEADING}`
    return htmlPage(title, content.filter((part) => part !== '').join('\n'), {
      heading: HEADING,
      ...(notice?.status === undefined ? {} : { status: notice.status }),
      formTargets: logoutOrigins(),
    })
  }

  /** POST /.htgate/tokens */
  async create(login: PageLogin, form: URLSearchParams, origin: string): Promise<PageResponse> {
    const { tokens, roleOf, canLookUp, now = Date.now } = this.#options
    const refuse = (why: string, status = 400) =>
      this.show(login, { title: 'No token created', html: `<p>${escapeHtml(why)}</p>`, status })
    if (tokens === undefined) return refuse('This server has no tokens.', 404)
    const flaw = this.#flawOfMaker(login)
    if (flaw) return refuse(flaw, 403)
    const { principal } = login
    const role = form.get('role') ?? ''
    const days = Number(form.get('days'))
    const name = (form.get('name') ?? '').trim()
    const mine = roleOf(principal)
    if (!isRole(role) || !LIFETIMES.includes(days)) return refuse('The form is incomplete.')
    if (mine === undefined || ROLES.indexOf(role) > ROLES.indexOf(mine)) {
      return refuse('A token’s role cannot exceed yours.', 403)
    }
    if (name === '') return refuse('Give the token a name, so that you can recognize it in the list.')
    if ((await tokens.list(principal)).length >= MAX_TOKENS) {
      return refuse(`You have ${MAX_TOKENS} tokens. Revoke some first.`)
    }
    const account = principal.provider
    const known = canLookUp(account) ? {} : { groups: principal.groups, confirmed: true }
    try {
      const expires = now() + days * DAY
      const made = await tokens.create({ user: principal.name, role, expires, name, account, ...known })
      const html = shownOnce(made.token, made.record, origin)
      return await this.show(login, { title: 'Token created', html, status: 201 })
    } catch (error) {
      if (error instanceof RangeError) return refuse(`No token was created: ${error.message}.`)
      return refuse('The token file cannot be written. Tell the server’s operator.', 503)
    }
  }

  /** POST /.htgate/tokens/revoke */
  async revoke(login: PageLogin, form: URLSearchParams): Promise<PageResponse> {
    const { tokens } = this.#options
    try {
      const isDone = await tokens?.revoke(login.principal, form.get('id') ?? '')
      if (isDone) return await this.show(login, { title: 'Token revoked', html: '<p>Token revoked.</p>' })
      const html = '<p>This token does not exist.</p>'
      return await this.show(login, { title: 'Nothing revoked', html, status: 404 })
    } catch {
      return this.show(login, {
        title: 'Nothing revoked',
        html: '<p>The token file cannot be written. Tell the server’s operator.</p>',
        status: 503,
      })
    }
  }

  #whoIAm({ principal, kind }: PageLogin): string {
    const { roleOf, groupsOf } = this.#options
    const role = roleOf(principal)
    const groups = groupsOf(principal)
    const rows: [string, string][] = [
      ['Name', escapeHtml(principal.name)],
      ['Logged in with', escapeHtml(PROVIDERS[principal.provider] ?? principal.provider)],
      ['Groups', groups.length === 0 ? 'none' : groups.map(escapeHtml).join(', ')],
      ['Role', role === undefined ? 'none: ask the operator for one' : ROLE_NAMES[role]],
    ]
    if (kind === 'session' && principal.expiresAt !== undefined) {
      rows.push(['Session expires', timeOf(principal.expiresAt)])
    }
    const name = this.#options.serverName ?? 'the server'
    return `<dl>\n${rows.map(([term, value]) => `<dt>${term}</dt><dd>${value}</dd>`).join('\n')}\n</dl>
<p class="actions"><a class="button" href="/">Open ${escapeHtml(name)}</a></p>`
  }

  async #tokens(login: PageLogin, tokens: TokenProvider): Promise<string> {
    const { formCode } = this.#options
    const code = formCode(login)
    const records = await tokens.list(login.principal)
    const flaw = this.#flawOfMaker(login)
    return `<h2 id="tokens">Your tokens</h2>
<p>With a token, a program can log in as you without your password. It can do what you can do, up to the token’s role, and stops working when your account is deleted.</p>
${records.length === 0 ? '<p>You have no tokens.</p>' : this.#table(records, code)}
<h2 id="new">New token</h2>
${flaw === undefined ? this.#form(login.principal, code) : `<p>${escapeHtml(flaw)}</p>`}`
  }

  #table(records: readonly TokenRecord[], code: string): string {
    const { now = Date.now } = this.#options
    const rows = records.map((record) => {
      const { name, role, expires, used } = record
      const id = idOf(record)
      const end =
        expires === undefined
          ? 'never'
          : expires <= now()
            ? `${dayText(expires)} (expired)`
            : dayText(expires)
      const last = used === undefined ? 'never' : dayText(used)
      return `<tr role="row">
<td role="cell" data-label="Name">${escapeHtml(name || id)}</td><td role="cell" data-label="Role">${ROLE_NAMES[role]}</td><td role="cell" data-label="Expires">${end}</td><td role="cell" data-label="Last used">${last}</td>
<td role="cell"><form method="post" action="${BASE}/tokens/revoke"><input type="hidden" name="code" value="${code}"><input type="hidden" name="id" value="${id}"><button aria-label="Revoke ${escapeHtml(name || id)}">Revoke</button></form></td>
</tr>`
    })
    const head = ['Name', 'Role', 'Expires', 'Last used', '<span class="hidden">Revoke</span>']
    const cells = head.map((text) => `<th role="columnheader" scope="col">${text}</th>`).join('')
    // On a phone the rows are blocks, which would be no table to a screen reader without these roles.
    return `<table role="table" aria-labelledby="tokens">
<thead role="rowgroup"><tr role="row">${cells}</tr></thead>
<tbody role="rowgroup">
${rows.join('\n')}
</tbody>
</table>`
  }

  #form(principal: Principal, code: string): string {
    const mine = this.#options.roleOf(principal) as Role
    const roles = ROLES.slice(0, ROLES.indexOf(mine) + 1)
      .map(
        (role) => `<option value="${role}"${role === mine ? ' selected' : ''}>${ROLE_NAMES[role]}</option>`,
      )
      .join('')
    const lifetimes = LIFETIMES.map(
      (days) =>
        `<option value="${days}"${days === DEFAULT_LIFETIME ? ' selected' : ''}>${days} days</option>`,
    ).join('')
    return `<form class="fields" aria-labelledby="new" method="post" action="${BASE}/tokens">
<input type="hidden" name="code" value="${code}">
<label><span>Name</span><input name="name" required maxlength="60" autocomplete="off" placeholder="laptop"></label>
<label><span>Role</span><select name="role">${roles}</select></label>
<label><span>Expires in</span><select name="days">${lifetimes}</select></label>
<button class="main">Create token</button>
</form>`
  }

  /** Why this login cannot create tokens; undefined if it can. */
  #flawOfMaker({ principal, kind }: PageLogin): string | undefined {
    // A stolen token could create others that outlive it.
    if (kind === 'bearer' || principal.via !== undefined)
      return 'A token cannot create tokens. Log in yourself.'
    return this.#options.roleOf(principal) === undefined
      ? 'You have no role here, so a token would be of no use.'
      : undefined
  }
}

const HEADING = 'Your account'

const noteOf = ({ html, status = 200 }: Notice): string =>
  status < 400
    ? `<div class="note" role="status">${html}</div>`
    : `<div class="note bad" role="alert">${html}</div>`

function shownOnce(token: string, record: TokenRecord, origin: string): string {
  return `<p>The token <strong>${escapeHtml(record.name)}</strong> has been created. Copy it now: it is not shown again.</p>
<textarea id="token" readonly rows="5" spellcheck="false" autofocus aria-label="Lines for the shell">export MLFLOW_TRACKING_URI=${escapeHtml(origin)}
export MLFLOW_TRACKING_TOKEN=${token}
mlflow experiments search</textarea>
<p>If a program asks for a user name and password, enter the token as the password.</p>`
}

const logOutForm = (code: string): string => `<h2>Log out</h2>
<form method="post" action="${BASE}/logout"><input type="hidden" name="code" value="${code}"><button>Log out</button></form>`

const timeOf = (ms: number): string => {
  const text = new Date(ms).toISOString()
  return `<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 16)} UTC</time>`
}

/** Whether the user sent the form from one of the gate's pages: only those contain the code. */
export function isOwnForm(
  request: Pick<PageRequest, 'method'>,
  form: URLSearchParams,
  isCode: (code: string) => boolean,
): boolean {
  return request.method === 'POST' && isCode(form.get('code') ?? '')
}
