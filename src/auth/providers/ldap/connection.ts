import { connect, type Socket } from 'node:net'
import { connect as connectTls, type PeerCertificate, TLSSocket } from 'node:tls'
import {
  BindRequest,
  type Control,
  ExtendedRequest,
  type Filter,
  PagedResultsControl,
  SearchRequest,
  UnbindRequest,
} from 'ldapts'
import { type Entry, MalformedError, messageLength, parseMessage, Reader, type Result } from './ber.js'
import { ppolicyControl } from './diagnosis.js'
import { connectionError, DirectoryError } from './errors.js'
import { type Endpoint, nameOf, type Scope } from './url.js'

// One connection to a directory server, for one login. ldapts encodes the requests, but its client is not used: it
// reconnects by itself, unbound, and in plain text after StartTLS; waits forever in a TLS handshake; accepts data from before
// the handshake as a response; uses SASL for a user called PLAIN; and takes a missing result for 0, success. Here, a
// connection that fails stays closed, and one deadline covers everything done on it.

export interface ConnectionOptions {
  readonly security: 'none' | 'tls' | 'starttls'
  /** Certificate authorities in PEM. Default: those that Node trusts. */
  readonly ca: string | undefined
  /** By performance.now(). */
  readonly deadline: number
}

export interface SearchOptions {
  readonly base: string
  readonly scope: Scope
  readonly filter: Filter
  readonly attributes: readonly string[]
  /** Most entries to return; 0: all, in pages. */
  readonly limit: number
}

export interface SearchResult {
  readonly entries: readonly Entry[]
  readonly result: Result
}

/** Most bytes that a server may send, in one message and on one connection. */
const MOST_OF_MESSAGE = 8 * 2 ** 20
const MOST = 64 * 2 ** 20
const PAGE = 500
const START_TLS = '1.3.6.1.4.1.1466.20037'
const WHO_AM_I = '1.3.6.1.4.1.4203.1.11.3'

export const code = {
  success: 0,
  protocolError: 2,
  sizeLimitExceeded: 4,
  authMethodNotSupported: 7,
  strongerAuthRequired: 8,
  referral: 10,
  confidentialityRequired: 13,
  constraintViolation: 19,
  noSuchObject: 32,
  invalidDnSyntax: 34,
  inappropriateAuthentication: 48,
  invalidCredentials: 49,
  insufficientAccessRights: 50,
  busy: 51,
  unavailable: 52,
  unwillingToPerform: 53,
} as const

interface Request {
  write(): Buffer
}

interface Pending {
  readonly id: number
  readonly operation: Result['operation']
  readonly entries: Entry[]
  resolve(answer: SearchResult): void
  reject(error: DirectoryError): void
}

export class Connection {
  readonly server: string
  /** Called once, when the connection fails or is closed. */
  onEnd: () => void = () => {}
  #socket: Socket | undefined
  #deadline: NodeJS.Timeout | undefined
  #until = 0
  #received: Buffer[] = []
  #size = 0
  #total = 0
  #id = 0
  #pending: Pending | undefined
  #failure: DirectoryError | undefined

  private constructor(server: string, deadline: number) {
    this.server = server
    this.endBy(deadline)
  }

  /** Sets the deadline, by performance.now(), at which the connection fails. */
  endBy(deadline: number): void {
    if (this.#failure) return
    const timeout = () =>
      this.#fail(new DirectoryError(`${this.server}: the request timed out`, { hint: 'see --ldap-timeout' }))
    clearTimeout(this.#deadline)
    this.#until = deadline
    this.#deadline = setTimeout(timeout, Math.max(1, deadline - performance.now()))
  }

  /** @throws DirectoryError */
  static async open(endpoint: Endpoint, { security, ca, deadline }: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(nameOf(endpoint), deadline)
    const host = 'host' in endpoint ? endpoint.host : ''
    const secure = { host, servername: /^[\d.]+$|:/.test(host) ? '' : host, ...(ca !== undefined && { ca }) }
    try {
      if (security === 'tls') {
        await connection.#use(connectTls({ ...secure, ...endpoint }), 'secureConnect')
        return connection
      }
      await connection.#use(connect(endpoint), 'connect')
      if (security === 'starttls') await connection.#startTls(secure)
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** The server's certificate; undefined without TLS. */
  get certificate(): PeerCertificate | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket.getPeerCertificate() : undefined
  }

  /** Binds, and resolves to the server's result, successful or not. */
  async bind(dn: string, password: string): Promise<Result> {
    // The server would report success without verifying anything (RFC 4513, section 5.1.2).
    if (dn === '' || password === '') throw new DirectoryError(`${this.server}: no anonymous bind`)
    return (
      await this.#ask(
        'bind',
        (messageId) => new BindRequest({ messageId, dn, password, controls: [ppolicyControl()] }),
      )
    ).result
  }

  async search(options: SearchOptions): Promise<SearchResult> {
    const { limit } = options
    if (limit > 0) return this.#search(options, [])
    const entries: Entry[] = []
    const page = new PagedResultsControl({ value: { size: PAGE } })
    for (;;) {
      const answer = await this.#search(options, [page])
      entries.push(...answer.entries)
      const cookie = cookieOf(answer.result.controls.get(PagedResultsControl.type))
      if (answer.result.code !== code.success || cookie === undefined) return { ...answer, entries }
      page.value = { size: PAGE, cookie }
    }
  }

  /** The identity of this connection according to the server (RFC 4532), such as `dn:uid=…`, if it tells. */
  async whoAmI(): Promise<string | undefined> {
    const { result } = await this.#ask(
      'extended',
      (messageId) => new ExtendedRequest({ messageId, oid: WHO_AM_I }),
    )
    return result.code === code.success ? (result.value?.toString() ?? '') : undefined
  }

  close(): void {
    clearTimeout(this.#deadline)
    if (this.#failure) return
    this.#failure = new DirectoryError(`${this.server}: the connection was closed`)
    this.onEnd()
    this.#pending?.reject(this.#failure)
    const socket = this.#socket
    socket?.on('error', () => {})
    if (socket?.writable) socket.end(new UnbindRequest({ messageId: ++this.#id }).write())
    // Allow a moment for the unbind request to be sent.
    setTimeout(() => socket?.destroy(), 100).unref()
  }

  #search(
    { base, scope, filter, attributes, limit }: SearchOptions,
    controls: Control[],
  ): Promise<SearchResult> {
    return this.#ask('search', (messageId) => {
      const options = { baseDN: base, scope, filter, attributes: [...attributes], sizeLimit: limit, controls }
      const timeLimit = Math.max(1, Math.ceil((this.#until - performance.now()) / 1000))
      return new SearchRequest({ messageId, timeLimit, derefAliases: 'never', ...options })
    })
  }

  async #startTls(secure: { host: string; servername: string; ca?: string }): Promise<void> {
    const { result } = await this.#ask(
      'extended',
      (messageId) => new ExtendedRequest({ messageId, oid: START_TLS }),
    )
    if (result.code !== code.success) {
      const says = result.diagnostic ? `: ${JSON.stringify(result.diagnostic)}` : ''
      throw new DirectoryError(`${this.server}: StartTLS refused${says}`, {
        hint: 'it may offer ldaps:// instead',
      })
    }
    // Data received before the handshake is not authenticated: anyone on the network may have injected it.
    if (this.#size > 0) throw this.#fail(new DirectoryError(`${this.server}: data before the TLS handshake`))
    const plain = this.#socket as Socket
    plain.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close')
    plain.on('error', () => {}) // The TLS socket reports errors from now on.
    await this.#use(connectTls({ ...secure, socket: plain }), 'secureConnect')
  }

  #use(socket: Socket | TLSSocket, ready: 'connect' | 'secureConnect'): Promise<void> {
    this.#socket = socket
    socket.setNoDelay(true)
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(this.#fail(connectionError(this.server, error)))
      socket.on('error', fail)
      socket.on('close', () => fail(new DirectoryError(`${this.server}: the server closed the connection`)))
      socket.on('data', (chunk: Buffer) => this.#receive(chunk))
      socket.once(ready, () => resolve())
      // The deadline may have passed already.
      if (this.#failure) {
        socket.destroy()
        reject(this.#failure)
      }
    })
  }

  #ask(operation: Result['operation'], make: (messageId: number) => Request): Promise<SearchResult> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      const id = ++this.#id
      this.#pending = { id, operation, entries: [], resolve, reject }
      this.#socket?.write(make(id).write())
    })
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk)
    this.#size += chunk.length
    this.#total += chunk.length
    try {
      if (this.#total > MOST) throw new MalformedError('too much data')
      for (let message = this.#next(); message !== undefined; message = this.#next()) this.#take(message)
    } catch (error) {
      const what = error instanceof MalformedError ? error.message : 'an invalid response'
      this.#fail(new DirectoryError(`${this.server}: the server sent ${what}`, { cause: error }))
    }
  }

  /** The next complete message, if it has arrived. */
  #next(): Buffer | undefined {
    const [first] = this.#received
    if (first === undefined) return undefined
    const head = first.length >= 6 ? first : Buffer.concat(this.#received)
    const length = messageLength(head, MOST_OF_MESSAGE)
    if (length === undefined || length > this.#size) return undefined
    const bytes = this.#received.length === 1 ? first : Buffer.concat(this.#received)
    this.#size -= length
    this.#received = this.#size > 0 ? [bytes.subarray(length)] : []
    return bytes.subarray(0, length)
  }

  #take(bytes: Buffer): void {
    const response = parseMessage(bytes)
    const pending = this.#pending
    if (response.id === 0 && response.kind === 'result') {
      const says = response.diagnostic ? `: ${JSON.stringify(response.diagnostic)}` : ''
      throw this.#fail(new DirectoryError(`${this.server}: the server is closing the connection${says}`))
    }
    if (pending === undefined || response.id !== pending.id)
      throw new MalformedError('an unsolicited response')
    if (response.kind === 'other') return
    if (response.kind === 'entry') {
      if (pending.operation !== 'search') throw new MalformedError('an unsolicited entry')
      pending.entries.push(response)
      return
    }
    if (response.operation !== pending.operation) throw new MalformedError('a response to another request')
    this.#pending = undefined
    pending.resolve({ entries: pending.entries, result: response })
  }

  #fail(error: DirectoryError): DirectoryError {
    if (this.#failure) return this.#failure
    this.#failure = error
    clearTimeout(this.#deadline)
    this.onEnd()
    this.#pending?.reject(error)
    this.#socket?.destroy()
    return error
  }
}

/** The cookie for the next page; undefined after the last one. */
function cookieOf(value: Buffer | undefined): Buffer | undefined {
  if (value === undefined) return undefined
  const sequence = new Reader(value).enter(0x30)
  sequence.integer(0x02)
  const cookie = sequence.bytes(0x04)
  return cookie.length > 0 ? Buffer.from(cookie) : undefined
}
