import { challenge } from '../auth/challenge.js'

// Every response that the gate makes itself. MLflow's client shows `error_code` and `message` of a JSON object as its
// error when `error_code` is one of its own (mlflow.exceptions). It gives up at once on 4xx other than 408 and 429, and
// retries those, 500, 502, 503 and 504, with pauses.

export interface Reply {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly message: string
  /** The message for a person with a browser. */
  readonly page: string
  readonly headers: readonly string[]
}

const VARIABLES = 'the environment variables MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD'

const reply = (
  status: number,
  code: string,
  title: string,
  message: string,
  headers: readonly string[] = [],
  page = message,
): Reply => ({ status, code, title, message, page, headers })

const unauthenticated = (realm: string, title: string, what: string): Reply =>
  reply(
    401,
    'UNAUTHENTICATED',
    title,
    `${what} Set ${VARIABLES}, or log in with your browser.`,
    ['WWW-Authenticate', challenge(realm)],
    `${what} Reload this page to enter them. For MLflow’s client, set ${VARIABLES}.`,
  )

export const replies = {
  loginNeeded: (realm: string) =>
    unauthenticated(realm, 'Login needed', 'This server needs a user name and a password.'),
  loginFailed: (realm: string) =>
    unauthenticated(realm, 'Login failed', 'The user name or the password is wrong.'),
  loginEnded: (realm: string) =>
    unauthenticated(realm, 'Login ended', 'This login has been revoked or has expired.'),
  malformed: (realm: string) =>
    unauthenticated(
      realm,
      'Login failed',
      'The Authorization header is not valid HTTP Basic (RFC 7617) or Bearer (RFC 6750).',
    ),
  tooManyFailures: (seconds: number) =>
    reply(
      429,
      'REQUEST_LIMIT_EXCEEDED',
      'Too many failed logins',
      `Too many logins with a wrong password from this address for this user. Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and try again in ${seconds} s.`,
      ['Retry-After', String(seconds)],
    ),
  busy: reply(
    503,
    'TEMPORARILY_UNAVAILABLE',
    'Busy',
    'Too many people are logging in right now. Try again in a moment.',
    ['Retry-After', '1'],
  ),
  unavailable: reply(
    503,
    'TEMPORARILY_UNAVAILABLE',
    'Logins unavailable',
    'The gate in front of this server cannot verify logins at the moment. Its log tells the operator why.',
    ['Retry-After', '10'],
  ),
  upstreamDown: reply(
    502,
    'TEMPORARILY_UNAVAILABLE',
    'The server behind this gate is down',
    'Your login is fine, but the server behind this gate cannot be reached or broke off the connection. Try again later, or tell its operator.',
  ),
  upstreamSilent: (seconds: number) =>
    reply(
      504,
      'DEADLINE_EXCEEDED',
      'The server behind this gate does not answer',
      `Your login is fine, but the server behind this gate did not answer within ${seconds} s. Try again later, or tell its operator.`,
    ),
  badRequest: reply(400, 'BAD_REQUEST', 'Bad request', 'This request cannot be understood.'),
  unknownCoding: reply(
    501,
    'NOT_IMPLEMENTED',
    'Unknown transfer coding',
    'Transfer codings other than chunked are not supported.',
  ),
  unknownExpectation: reply(
    417,
    'BAD_REQUEST',
    'Unknown expectation',
    'Expectations other than 100-continue are not supported.',
  ),
}

/** A page for a browser, JSON for a program. It repeats nothing that a client sent. */
export function renderReply(reply: Reply, accept: string): { type: string; body: string } {
  if (!accept.includes('text/html')) {
    const body = JSON.stringify({ error_code: reply.code, message: reply.message })
    return { type: 'application/json', body }
  }
  const body = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${reply.title}</title>
<body style="font: 1.1em/1.5 system-ui, sans-serif; max-width: 34em; margin: 4em auto; padding: 0 1em">
<h1 style="font-size: 1.4em">${reply.title}</h1>
<p>${reply.page}</p>
</html>
`
  return { type: 'text/html; charset=utf-8', body }
}
