import { dateLine } from '../http1/serializer.js'
import type { Profile } from '../policy/profile.js'
import { prefersHtml } from './accept.js'
import type { CredentialFault } from './credential-faults.js'
import { escapeHtml, htmlDocument, PLAIN_POLICY } from './pages/page.js'

// The gate's own responses. MLflow's client shows the message of a JSON error if it knows the code (mlflow.exceptions). It
// retries 408, 429, 500, 502, 503 and 504 with backoff, and gives up at once on any other 4xx.

export interface Reply {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly message: string
  /** The content for a browser, as HTML. Default: the message. */
  readonly page?: (() => string) | undefined
  /** Text of the link that reloads the page. Default: no link. */
  readonly action?: string | undefined
  readonly headers: readonly string[]
  /** The whole body, for pages with their own; `headers` then include the content type. */
  readonly content?: string
}

const reply = (
  status: number,
  code: string,
  title: string,
  message: string,
  headers: readonly string[] = [],
  { page, action }: Pick<Reply, 'page' | 'action'> = {},
): Reply => ({ status, code, title, message, page, action, headers })

/** How clients log in, for messages that tell them. */
export interface LoginWords {
  /** The challenges in `WWW-Authenticate`. */
  readonly challenges: readonly string[]
  readonly profile: Pick<Profile, 'title' | 'loginVariables' | 'errorBody'>
}

const headersOf = (challenges: readonly string[]): string[] =>
  challenges.flatMap((challenge) => ['WWW-Authenticate', challenge])

/** `the environment variables A and B`, from which the application's clients take their login; undefined if there are none. */
const variablesOf = ({ loginVariables }: LoginWords['profile']): string | undefined =>
  loginVariables && `the environment variables ${loginVariables.join(' and ')}`

/** Lines for the shell that runs a program. */
function programs({ title, loginVariables }: LoginWords['profile']): string {
  if (loginVariables === undefined) return ''
  const lines = loginVariables.map((name) => `export ${name}=…`)
  return `
<h2>For programs</h2>
<p>${title}’s client reads its login from the environment:</p>
<pre>${lines.join('\n')}</pre>`
}

function unauthenticated({ challenges, profile }: LoginWords, title: string, what: string): Reply {
  const variables = variablesOf(profile)
  return reply(
    401,
    'UNAUTHENTICATED',
    title,
    variables ? `${what} Set ${variables}, or log in with your browser.` : what,
    headersOf(challenges),
    { page: () => `<p>${what}</p>${actionLink('Log in')}${programs(profile)}` },
  )
}

const actionLink = (text: string): string =>
  `\n<p class="actions"><a class="button main" href="">${text}</a></p>`

/** A duration in words. */
function durationOf(seconds: number): string {
  if (seconds < 100) return seconds === 1 ? '1 second' : `${seconds} seconds`
  return `${Math.ceil(seconds / 60)} minutes`
}

/** Explains why a correct password may have failed. */
const FAULTS: Readonly<Record<CredentialFault, string>> = {
  'line-break':
    'The password sent ends with a line break, probably because it was read from a file with its final newline. Remove the line break',
  'control-character':
    'The user name or password sent contains a control character, such as a tab. Remove it',
  'not-utf-8':
    'The user name or password sent is not valid UTF-8; it is probably encoded as Latin-1. Encode it as UTF-8',
}

function corrupted({ challenges, profile }: LoginWords, fault: CredentialFault): Reply {
  const [name, password] = profile.loginVariables ?? []
  const where =
    name === undefined ? '' : fault === 'line-break' ? ` from ${password}` : ` in ${name} or ${password}`
  const message = `${FAULTS[fault]}${where}.`
  const again = { action: 'Log in' }
  return reply(401, 'UNAUTHENTICATED', 'Login failed', message, headersOf(challenges), again)
}

/** Codes and titles of the replies to invalid requests. */
const UNREADABLE: Readonly<Record<number, readonly [code: string, title: string]>> = {
  405: ['BAD_REQUEST', 'Method not allowed'],
  408: ['BAD_REQUEST', 'Request timeout'],
  413: ['BAD_REQUEST', 'Content too large'],
  414: ['BAD_REQUEST', 'Target too long'],
  431: ['BAD_REQUEST', 'Headers too large'],
  501: ['NOT_IMPLEMENTED', 'Not implemented'],
  505: ['NOT_IMPLEMENTED', 'HTTP version not supported'],
}

export const replies = {
  loginNeeded: (words: LoginWords) =>
    unauthenticated(words, 'Login required', 'This server requires a user name and password.'),
  loginFailed: (words: LoginWords, fault?: CredentialFault) =>
    fault
      ? corrupted(words, fault)
      : unauthenticated(words, 'Login failed', 'The user name or password is wrong.'),
  loginEnded: (words: LoginWords) =>
    unauthenticated(words, 'Login ended', 'This login has been revoked or has expired.'),
  malformed: (words: LoginWords, fault?: CredentialFault) =>
    fault
      ? corrupted(words, fault)
      : unauthenticated(
          words,
          'Login failed',
          'The Authorization header is not valid HTTP Basic (RFC 7617) or Bearer (RFC 6750).',
        ),
  tooManyFailures: ({ profile }: LoginWords, seconds: number) => {
    const what = 'Too many logins with a wrong password from this address for this user.'
    const wait = durationOf(seconds)
    const check = profile.loginVariables
    return reply(
      429,
      'REQUEST_LIMIT_EXCEEDED',
      'Too many failed logins',
      `${what} Check ${check?.join(' and ') ?? 'both'}, and try again in ${wait}.`,
      ['Retry-After', String(seconds)],
      {
        page: () =>
          `<p>${what} Wait ${wait}, then log in with the right password.</p>${actionLink('Log in')}
<h2>For programs</h2>
<p>A program that still sends an old password counts, too${check ? `: check its ${check.join(' and ')}` : ''}.</p>`,
      },
    )
  },
  certificateRevoked: reply(
    403,
    'PERMISSION_DENIED',
    'Certificate revoked',
    'The client certificate has been revoked, or the revocation list is out of date.',
  ),
  busy: reply(
    503,
    'TEMPORARILY_UNAVAILABLE',
    'Busy',
    'Too many logins are waiting right now. Try again in a moment.',
    ['Retry-After', '1'],
    { action: 'Try again' },
  ),
  unavailable: reply(
    503,
    'TEMPORARILY_UNAVAILABLE',
    'Logins unavailable',
    'The gate in front of this server cannot verify logins right now. Its log tells the operator why.',
    ['Retry-After', '10'],
    { action: 'Try again' },
  ),
  upstreamDown: reply(
    502,
    'TEMPORARILY_UNAVAILABLE',
    'The server behind this gate is down',
    'Your login is fine, but the server behind this gate cannot be reached or closed the connection. Try again later, or tell its operator.',
    [],
    { action: 'Try again' },
  ),
  upstreamSilent: (seconds: number) =>
    reply(
      504,
      'DEADLINE_EXCEEDED',
      'The server behind this gate is not responding',
      `Your login is fine, but the server behind this gate did not respond within ${durationOf(seconds)}. Try again later, or tell its operator.`,
      [],
      { action: 'Try again' },
    ),
  /** For a message that is not a valid request. */
  unreadable: (status: number, message: string) =>
    reply(
      status,
      UNREADABLE[status]?.[0] ?? 'BAD_REQUEST',
      UNREADABLE[status]?.[1] ?? 'Bad request',
      `This request cannot be read: ${message}.`,
    ),
  upstreamInvalid: reply(
    502,
    'TEMPORARILY_UNAVAILABLE',
    'The server behind this gate sent an invalid response',
    'Your login is fine, but the response of the server behind this gate is not valid HTTP/1.1. The gate’s log tells the operator what is wrong.',
  ),
  badRequest: reply(400, 'BAD_REQUEST', 'Bad request', 'The target of this request is not valid.'),
  unknownExpectation: reply(
    417,
    'BAD_REQUEST',
    'Unknown expectation',
    'Expectations other than 100-continue are not supported.',
  ),
}

/** Header lines and body of a reply. */
export function replyAnswer(
  reply: Reply,
  accept: string,
  errorBody: Profile['errorBody'],
): { lines: string; body: Buffer } {
  const { type, body } = renderReply(reply, accept, errorBody)
  let lines = dateLine()
  if (type !== undefined) lines += `Content-Type: ${type}\r\nCache-Control: no-store\r\n`
  if (type === HTML) lines += `Content-Security-Policy: ${PLAIN_POLICY}\r\n`
  for (let i = 0; i < reply.headers.length; i += 2)
    lines += `${reply.headers[i]}: ${reply.headers[i + 1]}\r\n`
  return { lines, body: Buffer.from(body) }
}

/**
 * A page for browsers, JSON for programs. Contains nothing that a client sent.
 *
 * @param errorBody makes JSON that the application's clients understand
 */
export function renderReply(
  reply: Reply,
  accept: string,
  errorBody: Profile['errorBody'],
): { type: string | undefined; body: string } {
  if (reply.content !== undefined) return { type: undefined, body: reply.content }
  if (!prefersHtml(accept)) {
    return { type: 'application/json', body: errorBody(reply.code, reply.message) }
  }
  const { title, message, page, action } = reply
  const content = page?.() ?? `<p>${escapeHtml(message)}</p>`
  return { type: HTML, body: htmlDocument(title, content + (action ? actionLink(action) : '')) }
}

const HTML = 'text/html; charset=utf-8'
