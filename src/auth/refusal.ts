import type { Verdict } from './authenticator.js'
import { challenge } from './challenge.js'

/** An answer for whoever is not let in. */
export interface Refusal {
  readonly status: 401 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const RETRY_AFTER_S = '1'

/**
 * What to answer to a request that is not let in, in any framework. Who has to wait gets 503 and not 401, since clients
 * try again after the one and give up, or forget the password, after the other.
 *
 * @example
 * const authenticator = await createAuthenticator({ file: '.htpasswd' })
 * const verdict = await authenticator.authenticate('Basic YW5uOndyb25n')
 * if (!verdict.ok) refusal(verdict, authenticator.realm).status // → 401
 */
export function refusal({ reason }: Extract<Verdict, { ok: false }>, realm: string): Refusal {
  const plain = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }
  if (reason === 'busy') {
    const headers = { ...plain, 'retry-after': RETRY_AFTER_S }
    return { status: 503, headers, body: 'Too many passwords are being checked. Try again.\n' }
  }
  if (reason === 'unavailable') {
    const headers = { ...plain, 'retry-after': RETRY_AFTER_S }
    return { status: 503, headers, body: 'Passwords cannot be checked at present. Try again.\n' }
  }
  const headers = { ...plain, 'www-authenticate': challenge(realm) }
  return { status: 401, headers, body: 'A user name and a password are needed.\n' }
}
