import { schemeOf } from '../schemes/index.js'
import { unsupportedScheme } from '../schemes/unsupported.js'

// Guesses what a stored string is that is not a usable hash, and what hash it was before it was damaged.

/** Whether some server can verify passwords against `encoded`. */
export function isHash(encoded: string): boolean {
  return schemeOf(encoded)?.wellFormed(encoded) === true || unsupportedScheme(encoded) !== undefined
}

/** The hash inside white space, quotes or escapes that a shell or a YAML file left around it, if there is one. */
export function hashWithin(text: string): string | undefined {
  if (isHash(text)) return undefined
  const trimmed = text.replace(/^[\t-\r ]+|[\t-\r ]+$/g, '')
  const unquoted = trimmed.replace(/^(["'`])(.*)\1$/, '$2')
  // docker compose and make need each `$` doubled; a shell needs it escaped.
  const candidates = [trimmed, unquoted, unquoted.replaceAll('$$', '$'), unquoted.replaceAll('\\$', '$')]
  return candidates.find(isHash)
}

/** Describes `text`, which is not a hash. `field` is what follows its next colon. */
export function kindOf(text: string, field?: string): string {
  if (hashWithin(text) !== undefined) return enclosed(text)
  const prefix = /^\{[\w-]+\}/.exec(text)?.[0]
  if (field !== undefined && HEX_MD5.test(field)) return 'a line of an htdigest file (user:realm:hash)'
  if (HEX_MD5.test(text)) return 'an MD5 digest in hexadecimal, not an apr1 hash'
  if (/^[0-9a-f]{40}$|^[0-9a-f]{64}$|^[0-9a-f]{128}$/i.test(text)) return 'a digest in hexadecimal'
  if (text.startsWith('$argon2')) return 'an Argon2 hash'
  if (prefix) return `a hash with the prefix ${prefix}, which LDAP servers use`
  if (/^[*!]/.test(text)) return 'a locked account, as in shadow(5)'
  if (LOST_DOLLARS.test(text)) return 'a hash damaged by a shell that expanded its $ signs'
  return 'not a hash of any known scheme; perhaps the password itself'
}

const HEX_MD5 = /^[0-9a-f]{32}$/i

/**
 * `"$2y$10$Ab./…"` becomes `y0./…`: `$2`, `$1` and `$Ab` are empty variables, and `$0` is the shell's name. In other
 * cases only the first `$` is lost.
 */
const LOST_DOLLARS =
  /^(?:[aby](?:0|[\w./-]*sh[4-9])|(?=[./]))(?:[./][./0-9A-Za-z]*)?$|^(?:2[aby]\$\d\d|apr1|[156])\$[./0-9A-Za-z=$]*$/

function enclosed(text: string): string {
  if (/^[\t-\r ]/.test(text)) return 'a hash with white space before it'
  if (/^["'`]/.test(text)) return 'a hash in quotes'
  return 'a hash with escaped $ signs'
}
