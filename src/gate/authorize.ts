import type { Principal } from '../auth/principal.js'
import type { Forbidden, Policy } from '../policy/policy.js'
import { policyReplies } from './policy-replies.js'
import type { Reply } from './replies.js'

/** Why a request with a valid login was refused, for log and metrics. */
export type RefusalByPolicy = 'role' | 'route' | 'target' | 'unavailable' | 'cross-origin'

/** A refusal: the reply, and the reason for the log. */
export interface Denial {
  readonly reply: Reply
  readonly reason: RefusalByPolicy
  /** The missing role. */
  readonly role?: string
}

const DENIALS: Readonly<Record<Exclude<Forbidden['reason'], 'role'>, Denial>> = {
  route: { reason: 'route', reply: policyReplies.deniedRoute },
  target: { reason: 'target', reply: policyReplies.ambiguousTarget },
  unavailable: { reason: 'unavailable', reply: policyReplies.unknownGroups },
}

/** Why the policy forbids a request; undefined if it allows it. */
export function denialOf(
  policy: Policy,
  principal: Principal,
  method: string,
  target: string,
  upgrade: boolean,
): Denial | undefined {
  const decision = policy.decide(principal, method, target, upgrade)
  if (decision.allowed) return undefined
  const { reason, needed, has } = decision
  if (reason !== 'role' || needed === undefined) return DENIALS[reason as keyof typeof DENIALS]
  return { reason, role: needed, reply: policyReplies.forbidden(needed, has) }
}
