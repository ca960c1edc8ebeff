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

/** Opens connections to the directory, first to the server that responded last, then to the others. */
export class Directory {
  readonly #settings: LdapSettings
  readonly #open = new Set<Connection>()
  #preferred = 0
  #closed = false

  constructor(settings: LdapSettings) {
    this.#settings = settings
  }

  /** The deadline of a login that starts now, by performance.now(). */
  deadline(): number {
    return performance.now() + this.#settings.timeout
  }

  /**
   * Opens a new, unbound connection.
   * @param to a server known to respond
   * @throws DirectoryError
   */
  async connect(deadline: number, to?: Endpoint): Promise<Opened> {
    if (to !== undefined) return { connection: await this.#connect(to, deadline), endpoint: to }
    return this.#first(deadline, (endpoint, until) => this.#connect(endpoint, until))
  }

  /**
   * Opens a new connection for searches: bound as the service account, or anonymous without one.
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

  /** Prefers another server, because the preferred one did not respond. */
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
      // Divide the time, so that a server that does not respond leaves some for the others.
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

  /** Binds as the service account, if there is one. @throws DirectoryError */
  async bindService(connection: Connection): Promise<void> {
    const { bindDn } = this.#settings
    if (bindDn === undefined) return
    const result = await connection.bind(bindDn, await this.#password())
    if (result.code !== 0) throw serviceError(connection.server, bindDn, result)
  }

  /** Closes all connections; their pending requests fail. */
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

  /** Read each time, so that the file can be replaced while htgate runs. */
  async #password(): Promise<string> {
    const { bindPassword, bindPasswordFile } = this.#settings
    if (bindPasswordFile === undefined) return bindPassword ?? ''
    const content = await readFile(bindPasswordFile, 'utf8').catch((error) => {
      throw new DirectoryError(`cannot read ${bindPasswordFile}: ${reason(error)}`)
    })
    const password = passwordIn(content)
    if (password === '') throw new DirectoryError(`${bindPasswordFile}: the first line is empty`)
    return password
  }
}

function serviceError(server: string, bindDn: string, result: Result): DirectoryError {
  if (result.code !== 49) return failureOf(server, result, `the bind as ${bindDn}`)
  return new DirectoryError(`${server}: cannot bind as ${bindDn}: unknown DN or wrong password`, {
    hint: 'check --ldap-bind-dn and --ldap-bind-password-file',
  })
}
