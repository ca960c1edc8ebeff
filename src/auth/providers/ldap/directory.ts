import { readFile } from 'node:fs/promises'
import { reason } from '../../../system/errno.js'
import type { Result } from './ber.js'
import { Connection } from './connection.js'
import { failureOf } from './diagnosis.js'
import { DirectoryError, explain } from './errors.js'
import { type LdapSettings, passwordIn } from './options.js'
import type { Endpoint } from './url.js'

export interface Opened {
  readonly connection: Connection
  readonly endpoint: Endpoint
}

/** Opens connections to the directory: to the server that answered last, or else to the next one. */
export class Directory {
  readonly #settings: LdapSettings
  readonly #open = new Set<Connection>()
  #preferred = 0
  #closed = false

  constructor(settings: LdapSettings) {
    this.#settings = settings
  }

  /** By performance.now(): until when a login that starts now may take. */
  deadline(): number {
    return performance.now() + this.#settings.timeout
  }

  /**
   * A fresh connection that is not bound yet.
   * @param to a server that is known to answer
   * @throws DirectoryError
   */
  async connect(deadline: number, to?: Endpoint): Promise<Opened> {
    if (to !== undefined) return { connection: await this.#connect(to, deadline), endpoint: to }
    return this.#first(deadline, (endpoint, until) => this.#connect(endpoint, until))
  }

  /**
   * A fresh connection for searches: bound to the service account, or anonymous where none was configured.
   * @throws DirectoryError
   */
  async service(deadline: number): Promise<Opened> {
    return this.#first(deadline, async (endpoint, until) => {
      const connection = await this.#connect(endpoint, until)
      try {
        await this.bindService(connection)
        return connection
      } catch (error) {
        connection.close()
        throw error
      }
    })
  }

  /** The server that answered last did not: another one is asked first from now on. */
  next(): void {
    this.#preferred = (this.#preferred + 1) % this.#settings.url.endpoints.length
  }

  async #first(
    deadline: number,
    open: (endpoint: Endpoint, until: number) => Promise<Connection>,
  ): Promise<Opened> {
    const { endpoints } = this.#settings.url
    const start = this.#preferred
    const failures: DirectoryError[] = []
    for (let i = 0; i < endpoints.length; i++) {
      const index = (start + i) % endpoints.length
      const endpoint = endpoints[index] as Endpoint
      const now = performance.now()
      // A server that does not answer leaves time for those after it.
      const until = now + Math.max(0, deadline - now) / (endpoints.length - i)
      try {
        const connection = await open(endpoint, until)
        connection.endBy(deadline)
        this.#preferred = index
        return { connection, endpoint }
      } catch (error) {
        failures.push(error as DirectoryError)
      }
    }
    if (failures.length === 1) throw failures[0]
    throw new DirectoryError(failures.map(explain).join('; '))
  }

  /** Binds as the account that searches, if there is one. @throws DirectoryError */
  async bindService(connection: Connection): Promise<void> {
    const { bindDn } = this.#settings
    if (bindDn === undefined) return
    const result = await connection.bind(bindDn, await this.#password())
    if (result.code !== 0) throw serviceError(connection.server, bindDn, result)
  }

  /** Ends all connections; what is asked on them fails. */
  close(): void {
    this.#closed = true
    for (const connection of this.#open) connection.close()
  }

  async #connect(endpoint: Endpoint, deadline: number): Promise<Connection> {
    const { security, ca } = this.#settings
    const connection = await Connection.open(endpoint, { security, ca, deadline })
    this.#open.add(connection)
    connection.onEnd = () => this.#open.delete(connection)
    if (this.#closed) connection.close()
    return connection
  }

  /** Read each time: it may be replaced while the gate runs. */
  async #password(): Promise<string> {
    const { bindPassword, bindPasswordFile } = this.#settings
    if (bindPasswordFile === undefined) return bindPassword ?? ''
    const content = await readFile(bindPasswordFile, 'utf8').catch((error) => {
      throw new DirectoryError(`cannot read the password in ${bindPasswordFile}: ${reason(error)}`)
    })
    const password = passwordIn(content)
    if (password === '') throw new DirectoryError(`${bindPasswordFile}: no password in it`)
    return password
  }
}

function serviceError(server: string, bindDn: string, result: Result): DirectoryError {
  if (result.code !== 49) return failureOf(server, result, `the bind as ${bindDn}`)
  return new DirectoryError(`${server}: the directory refuses ${bindDn}: unknown, or a wrong password`, {
    hint: 'check --ldap-bind-dn and --ldap-bind-password-file',
  })
}
