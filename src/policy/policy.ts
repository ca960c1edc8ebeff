import type { Principal } from '../auth/principal.js'
import { ACCESS, type Access, type Classified, higher, includes, lower } from './access.js'
import { type Grants, isForEveryone, names } from './grants.js'
import type { Groups } from './group-file.js'
import type { Profile } from './profile.js'

/** Whether a principal may do what a request asks for. */
export type Decision = Allowed | Forbidden

export interface Allowed {
  readonly allowed: true
}

export interface Forbidden {
  readonly allowed: false
  readonly reason: 'role' | 'route' | 'target' | 'unavailable'
  /** The role that is missing, where `reason` is `role`. */
  readonly needed?: Access
  /** The role that the principal has; undefined if it has none. */
  readonly has?: Access | undefined
}

export interface PolicyOptions {
  readonly profile: Profile
  /** Without a single grant, every user may do everything. */
  readonly grants: Grants
  /** Whether groups come from a group file as well. Then `groupsRead` has to be called before anybody gets a role from it. */
  readonly groupFile?: boolean
}

/** The provider whose users the group file names. */
const PASSWORD_FILE = 'file'

const ALLOWED: Allowed = { allowed: true }

/** Roles, the group file, and what the profile says about requests. */
export class Policy {
  readonly profile: Profile
  /** Whether there are roles at all. */
  readonly enforced: boolean
  readonly #grants: Grants
  readonly #usesGroupFile: boolean
  /** Undefined while the group file cannot be read. */
  #groups: Groups | undefined
  /** By principal, since a login that is remembered keeps its object. */
  #roles = new WeakMap<Principal, Access | 'none'>()
  #epoch = 0

  constructor({ profile, grants, groupFile = false }: PolicyOptions) {
    this.profile = profile
    this.#grants = grants
    this.#usesGroupFile = groupFile
    this.enforced = grants.read.length + grants.write.length + grants.admin.length > 0
  }

  /** Increments on every change that may take a role away: then whatever was decided before is decided again. */
  get epoch(): number {
    return this.#epoch
  }

  /** Whether the groups of the password file's users are known. */
  get ready(): boolean {
    return !this.#usesGroupFile || this.#groups !== undefined
  }

  /** Takes over the groups of the group file; undefined while it cannot be read. */
  groupsRead(groups: Groups | undefined): void {
    this.#groups = groups
    this.#roles = new WeakMap()
    this.#epoch++
  }

  /** All groups of a principal: those that its provider names, and those of the group file. */
  groupsOf(principal: Principal): readonly string[] {
    const { groups, provider, name } = principal
    const more = provider === PASSWORD_FILE ? this.#groups?.get(name) : undefined
    if (more === undefined) return groups
    return groups.length === 0 ? more : [...new Set([...groups, ...more])]
  }

  /** The role of a principal; undefined for none. Without any grants everybody is an admin, within the login's own limit. */
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
    const { name, maxRole, isService, ignoresCase } = principal
    const groups = this.groupsOf(principal)
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
   * @param method as it came
   * @param target path and query in origin form, as they came
   * @param upgrade whether the request asks for a tunnel, as WebSocket does. Default false
   */
  decide(principal: Principal, method: string, target: string, upgrade = false): Decision {
    if (!this.enforced && principal.maxRole === undefined) return ALLOWED
    const needed = this.profile.classify(method, target, upgrade)
    const has = this.roleOf(principal)
    if (isAccess(needed) && includes(has, needed)) return ALLOWED
    if (principal.provider === PASSWORD_FILE && !this.ready) return { allowed: false, reason: 'unavailable' }
    if (has === undefined || isAccess(needed)) {
      return { allowed: false, reason: 'role', needed: isAccess(needed) ? needed : 'read', has }
    }
    return { allowed: false, reason: needed === 'deny' ? 'route' : 'target', has }
  }
}

const isAccess = (classified: Classified): classified is Access =>
  classified !== 'deny' && classified !== 'ambiguous'
