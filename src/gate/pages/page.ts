import { createHash } from 'node:crypto'
import type { Principal } from '../../auth/principal.js'
import { prefersHtml } from '../accept.js'

// Pages are functions from requests to responses. They know nothing about connections.

/** The parts of a request that pages need. */
export interface PageRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly host: string | undefined
  readonly proto: 'http' | 'https'
  /** Whether a proxy asks about a request of its client, and names the host (forward-auth). */
  readonly isAsked: boolean
  readonly cookie: string | undefined
  readonly accept: string
  readonly origin: string | undefined
  /** Sec-Fetch-Site, -Mode and -Dest, which browsers send and pages cannot forge. */
  readonly fetchSite: string | undefined
  readonly fetchMode: string | undefined
  readonly fetchDest: string | undefined
  /** Reads the posted form; rejects if it is too large or does not arrive. */
  form(): Promise<URLSearchParams>
  /** The principal who sent the request, and the kind of credential; undefined without a valid login. */
  login(): Promise<PageLogin | undefined>
}

export interface PageLogin {
  readonly principal: Principal
  readonly kind: 'basic' | 'bearer' | 'session' | 'certificate'
}

export interface PageResponse {
  readonly status: number
  /** Names and values, alternating. */
  readonly headers: readonly string[]
  readonly body: string
}

/** Escapes text for HTML elements and quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE = `:root{color-scheme:light dark;--line:light-dark(#8a8f98,#73777f);--rule:light-dark(#dfe2e8,#3a3d43);--soft:light-dark(#f1f3f6,#26282c);
--quiet:light-dark(#555b65,#b3b7bf);--accent:light-dark(#0b57d0,#8ab4f8);--on-accent:light-dark(#fff,#0a1f44);--good:light-dark(#18794e,#65c18c);--bad:light-dark(#b3261e,#f2938c)}
*{box-sizing:border-box}
body{font:1rem/1.55 system-ui,sans-serif;margin:0;padding:0 1rem 4rem;background:light-dark(#fff,#16181b);color:light-dark(#1b1d21,#e6e8eb)}
main{max-width:44rem;margin:0 auto;padding-top:clamp(1.5rem,8vh,4rem)}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem;text-wrap:balance}h2{font-size:1.15rem;margin:2.4rem 0 .6rem}
p{margin:.6rem 0}a{color:var(--accent)}
.actions{display:flex;flex-wrap:wrap;gap:.8rem;margin:1.4rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.4rem;margin:0 0 1rem}
dt{color:var(--quiet)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:.8rem 0}th{text-align:left;font-weight:600;color:var(--quiet);font-size:.9rem}
th,td{padding:.55rem .8rem .55rem 0;border-bottom:1px solid var(--rule);overflow-wrap:anywhere;vertical-align:middle}
th:last-child,td:last-child{padding-right:0;text-align:right}
form.fields{display:flex;flex-wrap:wrap;gap:.9rem;align-items:end;margin:.8rem 0}
label{display:block}label span{display:block;font-size:.9rem;color:var(--quiet);margin-bottom:.15rem}
input,select,button,.button,textarea{font:inherit;color:inherit;background:var(--soft);padding:.45rem .9rem;border:1px solid var(--line);border-radius:.45rem;min-height:2.75rem}
input,select{background:light-dark(#fff,#1d1f23)}
button,.button{cursor:pointer;font-weight:500;text-decoration:none;display:inline-flex;align-items:center;justify-content:center}
button:hover,.button:hover{filter:brightness(.95)}
.main{background:var(--accent);color:var(--on-accent);border-color:#0000}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
pre,textarea{font:.92rem/1.5 ui-monospace,monospace;background:var(--soft);padding:1rem;border:1px solid var(--rule);border-radius:.5rem;width:100%;margin:.8rem 0;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;display:block}
textarea{field-sizing:content;resize:vertical}
.note{border-left:4px solid var(--good);background:var(--soft);padding:.4rem 1rem;border-radius:0 .5rem .5rem 0;margin:0 0 1.6rem}
.note.bad{border-color:var(--bad)}
.hidden{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden;white-space:nowrap}
@media(max-width:36rem){thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
tr,td{display:block}tr{border-bottom:1px solid var(--rule);padding:.7rem 0}td{border:0;padding:.15rem 0}td:last-child{text-align:left;padding-top:.5rem}
td[data-label]::before{content:attr(data-label) ': ';color:var(--quiet)}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}
form.fields label,form.fields button,form.fields input,form.fields select,.actions>*{width:100%}}`

const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

export interface PageOptions {
  readonly status?: number
  readonly headers?: readonly string[]
  /** Origins other than the gate's own that a form may redirect to. */
  readonly formTargets?: readonly string[]
  /** HTML for the head; may load the gate's own scripts. */
  readonly head?: string
  /** The heading. Default: the title. */
  readonly heading?: string
}

/** The whole of a page. @param content HTML, with everything that came from elsewhere escaped */
export const htmlDocument = (title: string, content: string, head = '', heading = title): string =>
  `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>${head}
</head>
<body>
<main>
<h1>${escapeHtml(heading)}</h1>
${content}
</main>
</body>
</html>
`

/** The Content-Security-Policy of a static page. */
export const PLAIN_POLICY = `default-src 'none'; style-src ${STYLE_HASH}; form-action 'none'; base-uri 'none'`

/** @param content HTML, in which all foreign text is escaped */
export function htmlPage(
  title: string,
  content: string,
  { status = 200, headers = [], formTargets = [], head = '', heading = title }: PageOptions = {},
): PageResponse {
  const body = htmlDocument(title, content, head, heading)
  const policy = [
    `default-src 'none'; style-src ${STYLE_HASH}; script-src 'self'`,
    `form-action ${["'self'", ...formTargets].join(' ')}; frame-ancestors 'none'; base-uri 'none'`,
  ].join('; ')
  const own = ['Content-Type', 'text/html; charset=utf-8', 'Content-Security-Policy', policy]
  return { status, headers: [...own, ...SAFE_HEADERS, ...headers], body }
}

/** Headers of all responses under the gate's own path. */
const SAFE_HEADERS = [
  ...['Cache-Control', 'no-store'],
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Referrer-Policy', 'same-origin'],
  ...['X-Frame-Options', 'DENY'],
  ...['Cross-Origin-Opener-Policy', 'same-origin'],
]

/** A redirect; 303 by default, so that a GET follows a form. */
export const redirect = (location: string, headers: readonly string[] = [], status = 303): PageResponse => ({
  status,
  headers: ['Location', location, ...SAFE_HEADERS, ...headers],
  body: '',
})

/** For programs. */
export const json = (status: number, value: unknown, headers: readonly string[] = []): PageResponse => ({
  status,
  headers: ['Content-Type', 'application/json', ...SAFE_HEADERS, ...headers],
  body: JSON.stringify(value),
})

export const script = (body: string): PageResponse => ({
  status: 200,
  headers: [
    ...['Content-Type', 'text/javascript; charset=utf-8', 'X-Content-Type-Options', 'nosniff'],
    ...['Cache-Control', 'max-age=3600', 'Cross-Origin-Resource-Policy', 'same-origin'],
  ],
  body,
})

/**
 * Whether a user opens a page with this request, rather than a script or a program fetching data. Only then does a redirect
 * to the login help.
 */
export function isNavigation({
  method,
  fetchMode,
  fetchDest,
  accept,
}: Pick<PageRequest, 'method' | 'fetchMode' | 'fetchDest' | 'accept'>): boolean {
  if (method !== 'GET') return false
  // Browsers send both; some programs send only the mode.
  if (fetchDest !== undefined) return fetchDest === 'document' && fetchMode === 'navigate'
  return fetchMode === 'navigate' || prefersHtml(accept)
}

/**
 * Whether, according to the browser, one of the gate's own pages sent the form. The form's code proves it.
 */
export function isSameOrigin({
  fetchSite,
  origin,
  host,
}: Pick<PageRequest, 'fetchSite' | 'origin' | 'host'>): boolean {
  if (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none') return false
  if (origin === undefined) return true
  return (
    URL.canParse(origin) &&
    host !== undefined &&
    new URL(origin).host === new URL(`${new URL(origin).protocol}//${host}`).host
  )
}
