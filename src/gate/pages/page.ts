import { createHash } from 'node:crypto'
import type { Principal } from '../../auth/principal.js'

// Pages are functions from what is known of a request to what is answered: they know no connection.

/** What a page needs to know of a request. */
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
  /** Sec-Fetch-Site, -Mode and -Dest: which browsers send, and no page can forge. */
  readonly fetchSite: string | undefined
  readonly fetchMode: string | undefined
  readonly fetchDest: string | undefined
  /** The form that was posted; rejects when there is none, or it is too large. */
  form(): Promise<URLSearchParams>
  /** Who sent it, and how that was shown; undefined for a request without a login that is good. */
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

/** Text for HTML, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE = `:root{color-scheme:light dark;--line:#8886;--soft:#8882;--accent:light-dark(#0b57d0,#8ab4f8)}
*{box-sizing:border-box}
body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.4rem;margin:0 0 1rem}h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
p{margin:.5rem 0}a{color:var(--accent)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;margin:0}
dt{opacity:.75}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600}
th,td{padding:.45rem .8rem .45rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere;vertical-align:middle}
form.fields{display:flex;flex-wrap:wrap;gap:.8rem;align-items:end}
label{display:block}label span{display:block;font-size:.9rem;opacity:.8}
input,select,button{font:inherit;padding:.4rem .7rem;border:1px solid var(--line);border-radius:.4rem;min-height:2.6rem}
button{cursor:pointer;background:var(--soft)}button.main{background:var(--accent);color:light-dark(#fff,#000);border-color:#0000}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
pre{background:var(--soft);padding:1rem;border-radius:.5rem;overflow-x:auto;user-select:all;white-space:pre-wrap;overflow-wrap:anywhere}
.note{border-left:4px solid var(--accent);padding:.1rem 0 .1rem 1rem;margin:1rem 0}
@media(max-width:36rem){thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
tr,td{display:block}tr{border-bottom:1px solid var(--line);padding:.5rem 0}td{border:0;padding:.15rem 0}
td[data-label]::before{content:attr(data-label) ': ';opacity:.75}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}form.fields label,form.fields button,form.fields input,form.fields select{width:100%}}`

const STYLE_HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

export interface PageOptions {
  readonly status?: number
  readonly headers?: readonly string[]
  /** Origins beside the gate's own that a form may lead to. */
  readonly formTargets?: readonly string[]
  /** Goes into the head; may name a script of the gate's own. */
  readonly head?: string
}

/** @param content HTML, with everything that came from elsewhere escaped */
export function htmlPage(
  title: string,
  content: string,
  { status = 200, headers = [], formTargets = [], head = '' }: PageOptions = {},
): PageResponse {
  const body = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>${head}
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${content}
</main>
</body>
</html>
`
  const policy = [
    `default-src 'none'; style-src ${STYLE_HASH}; script-src 'self'`,
    `form-action ${["'self'", ...formTargets].join(' ')}; frame-ancestors 'none'; base-uri 'none'`,
  ].join('; ')
  const own = ['Content-Type', 'text/html; charset=utf-8', 'Content-Security-Policy', policy]
  return { status, headers: [...own, ...SAFE_HEADERS, ...headers], body }
}

/** On everything that the gate answers under its own path. */
const SAFE_HEADERS = [
  ...['Cache-Control', 'no-store'],
  ...['X-Content-Type-Options', 'nosniff'],
  ...['Referrer-Policy', 'same-origin'],
  ...['X-Frame-Options', 'DENY'],
  ...['Cross-Origin-Opener-Policy', 'same-origin'],
]

/** 303, so that what follows a form is a GET. */
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
 * Whether a person opens a page with this request, rather than a page or a program asking for data: only then it helps to
 * be led to a login.
 */
export function isNavigation({
  method,
  fetchMode,
  fetchDest,
  accept,
}: Pick<PageRequest, 'method' | 'fetchMode' | 'fetchDest' | 'accept'>): boolean {
  if (method !== 'GET') return false
  // Browsers send both; some programs send the mode alone, whatever it is.
  if (fetchDest !== undefined) return fetchDest === 'document' && fetchMode === 'navigate'
  return fetchMode === 'navigate' || prefersHtml(accept)
}

/** Whether HTML is asked for by name, and not after JSON. */
export function prefersHtml(accept: string): boolean {
  const html = accept.indexOf('text/html')
  const json = accept.indexOf('application/json')
  return html !== -1 && (json === -1 || html < json)
}

/**
 * Whether a form was sent by a page of the gate itself, as far as the browser tells; the form's code says it for certain.
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
