import { Control } from 'ldapts'
import type { Attributes, Result } from './ber.js'
import { Reader } from './ber.js'
import { DirectoryError } from './errors.js'

/** The meaning of a server's response to a user's bind. */
export type BindOutcome =
  | { readonly kind: 'granted'; readonly remark?: string }
  /** `because` is for the log, if there is more to tell than a wrong password. */
  | { readonly kind: 'refused'; readonly because?: string; readonly unknown?: true }
  /** The password was not verified. */
  | { readonly kind: 'failed'; readonly error: DirectoryError }

const PPOLICY = '1.3.6.1.4.1.42.2.27.8.5.1'

/** Asks the server why it rejects a password (draft-behera-ldap-password-policy). */
export const ppolicyControl = (): Control => new Control(PPOLICY)

/** Attributes of a user's entry that tell why the user may not log in. */
export const STATE_ATTRIBUTES = [
  'pwdAccountLockedTime',
  'nsAccountLock',
  'userAccountControl',
  'lockoutTime',
  'accountExpires',
]

/** When the password was last changed, as servers call it: OpenLDAP, Active Directory, FreeIPA, Samba, shadow(5). */
export const PASSWORD_ATTRIBUTES = [
  'pwdChangedTime',
  'pwdLastSet',
  'krbLastPwdChange',
  'sambaPwdLastSet',
  'shadowLastChange',
]

const AD: Readonly<Record<string, string>> = {
  '530': 'the user may not log in at this time of day',
  '531': 'the user may not log in from this machine',
  '532': 'the password has expired',
  '533': 'the account is disabled',
  '701': 'the account has expired',
  '773': 'the password must be changed first',
  '775': 'the account is locked',
}

const PPOLICY_ERRORS: Readonly<Record<number, string>> = {
  0: 'the password has expired',
  1: 'the account is locked',
  2: 'the password must be changed first',
}

/** Result codes that concern this user and password only. */
const REFUSED = new Set([19, 32, 34, 48, 49, 50, 53])

/** Interprets the response to a user's bind. `state` holds the attributes of the user's entry, if they could be read. */
export function judgeBind(server: string, result: Result, state?: Attributes): BindOutcome {
  const policy = ppolicyOf(result.controls.get(PPOLICY))
  if (result.code === 0) {
    // The server allows the user nothing but to change the password.
    if (policy.error === 2) return { kind: 'refused', because: PPOLICY_ERRORS[2] as string }
    return policy.remark === undefined ? { kind: 'granted' } : { kind: 'granted', remark: policy.remark }
  }
  if (!REFUSED.has(result.code))
    return { kind: 'failed', error: failureOf(server, result, 'the login', true) }
  const data = /\bdata ([0-9a-f]+)\b/i.exec(result.diagnostic)?.[1]?.toLowerCase() ?? ''
  if (data === '525') return { kind: 'refused', unknown: true }
  const because =
    AD[data] ??
    (policy.error === undefined ? undefined : PPOLICY_ERRORS[policy.error]) ??
    (state && stateOf(state)) ??
    remarkOf(result)
  return because === undefined ? { kind: 'refused' } : { kind: 'refused', because }
}

/** The account's state by its attributes in OpenLDAP, 389 Directory Server or Active Directory. */
function stateOf(attributes: Attributes): string | undefined {
  if (isDisabled(attributes)) return 'the account is disabled'
  const isLocked = first(attributes, 'pwdAccountLockedTime') !== undefined
  if (isLocked || Number(first(attributes, 'lockoutTime') ?? 0) > 0) return 'the account is locked'
  return undefined
}

/** Whether the account is disabled permanently, not just locked after wrong passwords, which anyone can cause. */
export function isDisabled(attributes: Attributes): boolean {
  const isLockedForGood = first(attributes, 'pwdAccountLockedTime') === '000001010000Z'
  const isInactive = first(attributes, 'nsAccountLock')?.toLowerCase() === 'true'
  const isOff = (Number(first(attributes, 'userAccountControl') ?? 0) & 0x2) !== 0
  return isLockedForGood || isInactive || isOff || isExpired(first(attributes, 'accountExpires'))
}

/** `accountExpires` is in units of 100 ns since 1601; 0 and 2^63 - 1 mean never. */
function isExpired(text: string | undefined): boolean {
  if (text === undefined || !/^\d+$/.test(text)) return false
  const time = BigInt(text)
  if (time === 0n || time === 0x7fffffffffffffffn) return false
  return time / 10_000n - 11_644_473_600_000n < BigInt(Date.now())
}

const first = (attributes: Attributes, name: string) => attributes.get(name.toLowerCase())?.[0]

/** The server's message, except for a plain wrong password. */
function remarkOf({ code, diagnostic }: Result): string | undefined {
  if (code === 49 && !/lock|expir|disab|inactiv/i.test(diagnostic)) return undefined
  return diagnostic
    ? `the directory reports ${JSON.stringify(diagnostic)}`
    : `the directory reports ${nameOfCode(code)}`
}

/**
 * Explains a result other than success.
 * @param what the operation that failed, such as `the login`
 * @param isLocal whether the failure concerns one login only
 */
export function failureOf(server: string, result: Result, what: string, isLocal = false): DirectoryError {
  const { code, diagnostic, referrals } = result
  if (code === 10) {
    const to = referrals.length > 0 ? ` to ${referrals.slice(0, 3).join(', ')}` : ''
    return new DirectoryError(`${server}: ${what} failed, the server refers${to || ' to another server'}`, {
      hint: 'referrals are not followed; use the server that holds the entries in --ldap-url',
      isLocal,
    })
  }
  const says = diagnostic ? `: ${JSON.stringify(diagnostic)}` : ''
  const message = `${server}: ${what} failed, ${nameOfCode(code)}${says}`
  return new DirectoryError(message, { hint: HINTS[code], isLocal: isLocal && code !== 51 && code !== 52 })
}

const HINTS: Readonly<Record<number, string>> = {
  1: 'the directory may not allow anonymous searches; see --ldap-bind-dn',
  8: 'the directory requires TLS: use ldaps:// or --ldap-starttls',
  13: 'the directory requires TLS: use ldaps:// or --ldap-starttls',
  32: 'the base does not exist, or the service account may not see it',
  34: 'check the syntax of the DN',
  50: 'the service account may not do this',
}

const CODES: Readonly<Record<number, string>> = {
  1: 'operations error',
  2: 'protocol error',
  3: 'time limit exceeded',
  4: 'size limit exceeded',
  7: 'authentication method not supported',
  8: 'stronger authentication required',
  10: 'referral',
  11: 'administrative limit exceeded',
  13: 'confidentiality required',
  19: 'constraint violation',
  32: 'no such object',
  34: 'invalid DN syntax',
  48: 'inappropriate authentication',
  49: 'invalid credentials',
  50: 'insufficient access rights',
  51: 'busy',
  52: 'unavailable',
  53: 'unwilling to perform',
}

export const nameOfCode = (code: number): string => CODES[code] ?? `result code ${code}`

function ppolicyOf(value: Buffer | undefined): { error?: number; remark?: string } {
  if (value === undefined || value.length === 0) return {}
  try {
    const found: { error?: number; remark?: string } = {}
    const response = new Reader(value).enter(0x30)
    if (response.peek() === 0xa0) {
      const warning = response.enter(0xa0)
      const tag = warning.peek()
      const number = warning.integer(tag)
      if (tag === 0x80) found.remark = `the password expires in ${Math.ceil(number / 86_400)} days`
      if (tag === 0x81) found.remark = `the password has expired; ${number} more logins are allowed`
    }
    if (response.peek() === 0x81) found.error = response.integer(0x81)
    return found
  } catch {
    return {}
  }
}
