import { randomBytes } from 'node:crypto'
import type { Principal } from '../../principal.js'
import type { Refused, Verdict } from '../../provider.js'
import type { Connection } from './connection.js'
import { type BindOutcome, isDisabled, judgeBind } from './diagnosis.js'
import type { Directory } from './directory.js'
import { escapeDnValue } from './dn.js'
import { present } from './filter.js'
import { groupsOf } from './groups.js'
import { isBoundAs } from './identity.js'
import type { LdapSettings } from './options.js'
import { findUsers, isPrintable, passwordMarkOf, readUser, type UserEntry, valuesOf } from './search.js'
import { UniformTiming } from './timing.js'
import type { Endpoint } from './url.js'

const ACTIVE_DIRECTORY = '1.2.840.113556.1.4.800'

/** Logs a remark about a user's login. */
export type Say = (type: 'login-refused' | 'login-remark', user: string, what: string) => void

/** An account according to the directory. */
export interface AccountNow {
  readonly principal: Principal | 'unknown'
  /** See `Provider.passwordMark`. */
  readonly passwordMark?: string | undefined
}

/** Verifies logins, each on new connections. Rejects with DirectoryError if the directory gives no verdict. */
export class DirectoryLogins {
  readonly #settings: LdapSettings
  readonly #directory: Directory
  readonly #say: Say
  readonly #timing = new UniformTiming()
  /** A nonexistent DN, to bind as for unknown users. */
  readonly #standInDn: string
  #isActiveDirectory: boolean | undefined

  constructor(settings: LdapSettings, directory: Directory, say: Say) {
    this.#settings = settings
    this.#directory = directory
    this.#say = say
    const { base } = settings.url
    this.#standInDn = `cn=htgate-stand-in-${randomBytes(8).toString('hex')}${base && `,${base}`}`
  }

  /** Looks up an account without a login. */
  async account(name: string): Promise<AccountNow> {
    const { connection } = await this.#directory.service(this.#directory.deadline())
    try {
      const user = this.#onlyOne(await findUsers(connection, this.#settings, name), name)
      if (user === undefined || isDisabled(user.attributes)) return { principal: 'unknown' }
      const principal = await this.#principal(connection, user)
      return { principal, passwordMark: passwordMarkOf(user.attributes) }
    } finally {
      connection.close()
    }
  }

  /** @param password undefined if no account can have it; takes as long as a wrong password */
  login(name: string, password: string | undefined): Promise<Verdict> {
    const { bindAs } = this.#settings
    return bindAs === undefined ? this.#bySearch(name, password) : this.#asUser(name, password, bindAs)
  }

  /** The service account finds the entry; a bind on a second connection verifies the password. */
  async #bySearch(name: string, password: string | undefined): Promise<Verdict> {
    const deadline = this.#directory.deadline()
    const { connection, endpoint } = await this.#directory.service(deadline)
    try {
      const start = performance.now()
      const users = await findUsers(connection, this.#settings, name)
      const user = this.#onlyOne(users, name)
      const searched = performance.now() - start
      if (user === undefined || password === undefined) {
        await this.#bindStandIn(endpoint, deadline, searched)
        return users.length === 0 ? unknown(name) : denied(name)
      }
      const outcome = await this.#bind(user, password, endpoint, deadline, searched)
      return await this.#verdictOf(outcome, name, () => this.#principal(connection, user))
    } finally {
      connection.close()
    }
  }

  /** Binds as the user first, then reads the user's entry on the same connection. */
  async #asUser(name: string, password: string | undefined, bindAs: string): Promise<Verdict> {
    if (password === undefined) return denied(name)
    const { connection } = await this.#directory.connect(this.#directory.deadline())
    try {
      const isDn = /=\s*\{\}/.test(bindAs)
      const bindName = bindAs.replace('{}', () => (isDn ? escapeDnValue(name) : name))
      const outcome = judgeBind(connection.server, await connection.bind(bindName, password))
      return await this.#verdictOf(outcome, name, async () => {
        if (isDn) {
          const user = await readUser(connection, this.#settings, bindName, name)
          return user && this.#onlyOne([user], name) && this.#principal(connection, user)
        }
        const user = this.#onlyOne(await findUsers(connection, this.#settings, name), name)
        if (user === undefined) return undefined
        if (await isBoundAs(connection, this.#settings, user, bindName))
          return this.#principal(connection, user)
        this.#refuse(name, `the account bound as ${JSON.stringify(bindName)} is not ${user.dn}`)
        return undefined
      })
    } finally {
      connection.close()
    }
  }

  #onlyOne(users: readonly UserEntry[], name: string): UserEntry | undefined {
    const [user] = users
    if (user === undefined) return undefined
    if (users.length > 1) this.#refuse(name, 'more than one entry matches; narrow the filter in --ldap-url')
    // A bind with an empty DN would be anonymous.
    else if (user.dn === '') this.#refuse(name, 'the entry has no DN')
    else if (!isPrintable(user.name))
      this.#refuse(name, `${user.dn} has no ${this.#settings.userAttribute} that is a valid name`)
    else return user
    return undefined
  }

  async #bind(
    user: UserEntry,
    password: string,
    endpoint: Endpoint,
    deadline: number,
    searched: number,
  ): Promise<BindOutcome> {
    const { connection } = await this.#directory.connect(deadline, endpoint)
    try {
      const start = performance.now()
      const result = await connection.bind(user.dn, password)
      if (result.code !== 0) this.#timing.failed(searched + performance.now() - start)
      return judgeBind(connection.server, result, user.attributes)
    } finally {
      connection.close()
    }
  }

  /** Takes as long as a wrong password, without sending the password, which may belong to another provider. */
  async #bindStandIn(endpoint: Endpoint, deadline: number, searched: number): Promise<void> {
    const { connection } = await this.#directory.connect(deadline, endpoint)
    try {
      const start = performance.now()
      await connection.bind(this.#standInDn, randomBytes(12).toString('base64'))
      await this.#timing.standIn(searched + performance.now() - start)
    } finally {
      connection.close()
    }
  }

  async #verdictOf(
    outcome: BindOutcome,
    name: string,
    principal: () => Promise<Principal | undefined>,
  ): Promise<Verdict> {
    if (outcome.kind === 'failed') throw outcome.error
    if (outcome.kind === 'refused') {
      if (outcome.because !== undefined) this.#refuse(name, outcome.because)
      return outcome.unknown ? unknown(name) : denied(name)
    }
    if (outcome.remark !== undefined) this.#say('login-remark', name, outcome.remark)
    const granted = await principal()
    return granted === undefined ? denied(name) : { ok: true, principal: granted }
  }

  async #principal(connection: Connection, user: UserEntry): Promise<Principal> {
    const isActiveDirectory = await this.learn(connection)
    const groups = await groupsOf(connection, this.#settings, user, isActiveDirectory)
    return { name: user.name, provider: 'ldap', groups, ignoresCase: true }
  }

  /** Whether this is Active Directory, according to the root DSE (RFC 4512, section 5.1). Asked once. */
  async learn(connection: Connection): Promise<boolean> {
    if (this.#isActiveDirectory !== undefined) return this.#isActiveDirectory
    const attributes = ['supportedCapabilities']
    const query = { base: '', scope: 'base', filter: present('objectClass'), attributes, limit: 1 } as const
    const { entries } = await connection.search(query)
    const capabilities = entries[0] ? valuesOf(entries[0].attributes, 'supportedCapabilities') : []
    this.#isActiveDirectory = capabilities.includes(ACTIVE_DIRECTORY)
    return this.#isActiveDirectory
  }

  #refuse(name: string, because: string): void {
    this.#say('login-refused', name, because)
  }
}

export const unknown = (candidate: string): Refused => ({
  ok: false,
  reason: 'denied',
  candidate,
  unknown: true,
})
const denied = (candidate: string): Refused => ({ ok: false, reason: 'denied', candidate })
