import type { Access } from '../policy/access.js'
import type { Reply } from './replies.js'

// The replies to users who are logged in but may not do what they request.

const reply = (
  status: number,
  code: string,
  title: string,
  message: string,
  headers: readonly string[] = [],
): Reply => ({ status, code, title, message, headers })

const forbidden = (needed: Access, has: Access | undefined): Reply =>
  reply(
    403,
    'PERMISSION_DENIED',
    'Permission denied',
    has === undefined
      ? `You are logged in, but you have no role on this server; this request requires the ${needed} role. Ask the server’s operator for it.`
      : `This request requires the ${needed} role; you have the ${has} role. Ask the server’s operator if you need more.`,
  )

const ROLES = [undefined, 'read', 'write', 'admin'] as const
const NEEDED = ['read', 'write', 'admin'] as const
const made = new Map(
  ROLES.flatMap((has) => NEEDED.map((needed) => [`${needed} ${has}`, forbidden(needed, has)] as const)),
)

export const policyReplies = {
  forbidden: (needed: Access, has: Access | undefined): Reply => made.get(`${needed} ${has}`) as Reply,
  deniedRoute: reply(
    403,
    'PERMISSION_DENIED',
    'Permission denied',
    'This server does not implement this route, so it is closed to every role.',
  ),
  ambiguousTarget: reply(
    400,
    'INVALID_PARAMETER_VALUE',
    'Bad request',
    'The path of this request is ambiguous, so it cannot be authorized. Paths must not contain “.” or “..” as a segment, control characters, or “#”.',
  ),
  unknownRequest: reply(
    403,
    'PERMISSION_DENIED',
    'Permission denied',
    'The proxy in front of this server did not say which request it asks about, or is not a trusted proxy (--trust-proxy), so the request cannot be authorized.',
  ),
  crossOrigin: reply(
    403,
    'PERMISSION_DENIED',
    'Cross-origin request blocked',
    'A page of another origin made your browser send this request with your login. To allow that page, the server’s operator can add its origin to --cors-origins.',
  ),
  unknownGroups: reply(
    503,
    'TEMPORARILY_UNAVAILABLE',
    'Roles unavailable',
    'The gate in front of this server cannot read its group file, so it does not know your role. The gate’s log tells the operator why.',
    ['Retry-After', '10'],
  ),
}
