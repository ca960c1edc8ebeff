import { withoutUserinfo } from '../../../system/without-userinfo.js'
import { isRole, type Role } from '../../principal.js'
import { type Claims, valueAt } from './claims.js'
import { isIssuerUrl } from './http.js'

// Further issuers to trust, for programs: GitHub Actions, GitLab CI, Kubernetes clusters.
// issuer=URL,audience=TEXT,claim=NAME:VALUE[,claim=…][,user=CLAIM][,groups=CLAIM][,role=read|write|admin]

export interface Trust {
  readonly issuer: string
  readonly audience: string
  /** Required claim values, which must all match; `*` in a value matches any text. */
  readonly conditions: readonly { readonly claim: string; readonly value: string }[]
  /** The claim with the user's name. */
  readonly user: string
  readonly groups: string | undefined
  /** The highest role of these tokens, and their role if the policy grants the name none. */
  readonly role: Role | undefined
}

/** Public issuers, where anyone can get a token: these need a claim= rule. */
const PUBLIC = [
  'https://token.actions.githubusercontent.com',
  'https://gitlab.com',
  'https://accounts.google.com',
]
/** The claim with the user's name, by default. */
export const TRUSTED_USER = 'sub'

/** Whether anyone could log in by this trust: it sets no conditions on the tokens of a public issuer. */
export const isOpenToAll = ({ issuer, conditions }: Pick<Trust, 'issuer' | 'conditions'>): boolean =>
  conditions.length === 0 && PUBLIC.includes(issuer)

/**
 * Parses a value of --oidc-trust.
 * @throws RangeError with a message about what is wrong
 */
export function parseTrust(text: string): Trust {
  const conditions: { claim: string; value: string }[] = []
  const fields = new Map<string, string>()
  for (const part of text.split(',')) {
    const equals = part.indexOf('=')
    const [name, value] = [part.slice(0, equals).trim(), part.slice(equals + 1).trim()]
    if (equals === -1 || value === '') throw new RangeError(`'${part}' is not NAME=VALUE`)
    if (name === 'claim') {
      const [, claim = '', expected] = /^([^:=]+)(?:[:=](.+))?$/.exec(value) ?? []
      if (claim === '') throw new RangeError(`'${part}' is not claim=NAME:VALUE`)
      if (expected === undefined) setOnce(fields, 'user', claim)
      else conditions.push({ claim, value: expected })
    } else if (['issuer', 'audience', 'user', 'groups', 'role'].includes(name)) setOnce(fields, name, value)
    else throw new RangeError(`'${name}' is not issuer, audience, claim, user, groups or role`)
  }
  const issuer = fields.get('issuer')
  const audience = fields.get('audience')
  const role = fields.get('role')
  if (issuer === undefined) throw new RangeError('issuer= is required')
  if (!isIssuerUrl(issuer)) throw new RangeError(`'${withoutUserinfo(issuer)}' is not an https URL`)
  if (audience === undefined) throw new RangeError('audience= is required')
  if (role !== undefined && !isRole(role)) throw new RangeError(`'${role}' is not read, write or admin`)
  if (isOpenToAll({ issuer, conditions })) {
    throw new RangeError(
      'claim=NAME:VALUE is required: without it, anyone with an account at this issuer could log in',
    )
  }
  const user = fields.get('user') ?? TRUSTED_USER
  return { issuer, audience, conditions, user, groups: fields.get('groups'), role }
}

function setOnce(fields: Map<string, string>, name: string, value: string): void {
  if (fields.has(name)) throw new RangeError(`${name}= is given twice`)
  fields.set(name, value)
}

/** The first claim in `claims` that does not match. */
export function unmet({ conditions }: Trust, claims: Claims): string | undefined {
  return conditions.find(({ claim, value }) => !matches(valueAt(claims, claim), value))?.claim
}

function matches(actual: unknown, expected: string): boolean {
  if (Array.isArray(actual)) return actual.some((each) => matches(each, expected))
  if (typeof actual !== 'string' && typeof actual !== 'number' && typeof actual !== 'boolean') return false
  const text = String(actual)
  if (!expected.includes('*')) return text === expected
  const [first = '', ...rest] = expected.split('*')
  const last = rest.pop() as string
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false
  let position = first.length
  const end = text.length - last.length
  for (const part of rest) {
    const found = text.indexOf(part, position)
    if (found === -1 || found + part.length > end) return false
    position = found + part.length
  }
  return true
}
