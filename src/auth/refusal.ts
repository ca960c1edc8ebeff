import type { Authenticator, AuthVerdict } from './authenticator.js'
import { challenge } from './challenge.js'

/** A response to a refused request. */
export interface Refusal {
  readonly status: 401 | 429 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const RETRY_AFTER_S = 1

/**
 * The response to a refused request, for any framework. If the client should try again, it is 503 or 429, because after a
 * 401, clients give up or discard the password.
 *
 * @example
 * const authenticator = await createAuthenticator({ file: '.htpasswd' })
 * const verdict = await authenticator.authenticate('Basic YW5uOndyb25n')
 * if (!verdict.ok) refusal(verdict, authenticator).status // → 401
 *
 * @param offer the authenticator, whose challenges a 401 has; or a realm, to offer Basic only
 */
export function refusal(
  { reason, retryAfter = RETRY_AFTER_S }: Extract<AuthVerdict, { ok: false }>,
  offer: Pick<Authenticator, 'challenges'> | string,
): Refusal {
  const plain = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  const later = { ...plain, 'retry-after': String(retryAfter) }
  switch (reason) {
    case 'busy':
      return { status: 503, headers: later, body: 'Too many logins are waiting. Try again.\n' }
    case 'unavailable':
      return { status: 503, headers: later, body: 'Logins cannot be verified right now. Try again.\n' }
    case 'limited':
      return { status: 429, headers: later, body: 'Too many failed logins. Try again later.\n' }
  }
  const challenges = typeof offer === 'string' ? [challenge(offer)] : offer.challenges
  const headers = { ...plain, 'www-authenticate': challenges.join(', ') }
  return { status: 401, headers, body: `${neededFor(challenges)}\n` }
}

function neededFor(challenges: readonly string[]): string {
  const isFor = (scheme: string) => challenges.some((each) => each.startsWith(scheme))
  if (!isFor('Bearer')) return 'A user name and password are required.'
  return isFor('Basic')
    ? 'A user name and password, or a token, are required.'
    : 'A bearer token is required.'
}
