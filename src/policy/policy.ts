import type { Principal } from '../auth/principal.js'
import { ACCESS, type Access, type Classified, higher, includes, lower } from './access.js'
import { type Grants, isForEveryone, names } from './grants.js'
import type { Profile } from './profile.js'

/** Whether a principal may send a request. */
export type Decision = Allowed | Forbidden

export interface Allowed {
  readonly allowed: true
}

export interface Forbidden {
  readonly allowed: false
  readonly reason: 'role' | 'route' | 'target' | 'unavailable'
  /** The missing role, if `reason` is `role`. */
  readonly needed?: Access
  /** The role that the principal has; undefined if it has none. */
  readonly has?: Access | undefined
}

export interface PolicyOptions {
  readonly profile: Profile
  /** Without a single grant, every user may do everything. */
  readonly grants: Grants
  /** The source of groups for the password file's users. */
  readonly groupFile?: { readonly ready: boolean } | undefined
}

/** The provider whose users get their groups from the group file. */
const PASSWORD_FILE = 'file'

const ALLOWED: Allowed = { allowed: true }

/** Decides which requests a principal may send, by roles and the profile. */
export class Policy {
  readonly profile: Profile
  /** Whether roles are enforced: there is at least one grant. */
  readonly enforced: boolean
  readonly #grants: Grants
  readonly #groupFile: PolicyOptions['groupFile']
  /** Roles by principal object: a cached login keeps its object, and a login with other groups has another one. */
  readonly #roles = new WeakMap<Principal, Access | 'none'>()

  constructor({ profile, grants, groupFile }: PolicyOptions) {
    this.profile = profile
    this.#grants = grants
    this.#groupFile = groupFile
    this.enforced = grants.read.length + grants.write.length + grants.admin.length > 0
  }

  /** The role of a principal, if any. Without grants, every user is an admin, up to the login's own limit. */
  roleOf(principal: Principal): Access | undefined {
    if (!this.enforced) return principal.maxRole ?? 'admin'
    let role = this.#roles.get(principal)
    if (role === undefined) {
      role = this.#findRole(principal) ?? 'none'
      this.#roles.set(principal, role)
    }
    return role === 'none' ? undefined : role
  }

  #findRole(principal: Principal): Access | undefined {
    const { name, groups, maxRole, isService, ignoresCase } = principal
    let role: Access | undefined
    let isNamed = false
    for (const access of ACCESS) {
      const grants = this.#grants[access]
      const named = names(grants, name, groups, ignoresCase)
      if (named) isNamed = true
      if (named || isForEveryone(grants)) role = higher(role, access)
    }
    if (isService && !isNamed) return maxRole
    return role && maxRole ? lower(role, maxRole) : role
  }

  /**
   * Whether `principal` may send this request.
   *
   * @param method as received
   * @param target path and query in origin form, as received
   * @param upgrade whether the request asks for a tunnel, such as a WebSocket. Default false
   */
  decide(principal: Principal, method: string, target: string, upgrade = false): Decision {
    if (!this.enforced && principal.maxRole === undefined) return ALLOWED
    const needed = this.profile.classify(method, target, upgrade)
    const has = this.roleOf(principal)
    if (isAccess(needed) && includes(has, needed)) return ALLOWED
    if (principal.provider === PASSWORD_FILE && this.#groupFile?.ready === false)
      return { allowed: false, reason: 'unavailable' }
    if (has === undefined || isAccess(needed)) {
      return { allowed: false, reason: 'role', needed: isAccess(needed) ? needed : 'read', has }
    }
    return { allowed: false, reason: needed === 'deny' ? 'route' : 'target', has }
  }
}

const isAccess = (classified: Classified): classified is Access =>
  classified !== 'deny' && classified !== 'ambiguous'
