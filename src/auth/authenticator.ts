import { createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileError, HtgateError } from '../errors.js'
import { eachLine, encodedOf } from '../passwd-file/records.js'
import { schemeOf } from '../schemes/index.js'
import { parseCredentials } from './credentials.js'

/** Why a request is not let in. */
export type Reason =
  /** No `Authorization` header, or one of another scheme than Basic. Answer 401. */
  | 'no-credentials'
  /** Two headers, or one that RFC 7617 does not allow. Answer 401. */
  | 'malformed'
  /** Unknown user or wrong password; nothing tells which. Answer 401. */
  | 'denied'
  /** Too many passwords wait to be hashed. Answer 503 with Retry-After. */
  | 'busy'
  /** The password file cannot be read, or the authenticator is closed. Answer 503. */
  | 'unavailable'

export type Verdict =
  | { readonly ok: true; readonly user: string }
  /** `user`: the name that was claimed, when the credentials could be read. */
  | { readonly ok: false; readonly reason: Reason; readonly user?: string }

/** The values of a request's `Authorization` headers: `request.headersDistinct.authorization`. */
export type Authorization = string | readonly string[] | undefined

/** What an operator may want to know. `message` is for a log as it stands: one line, no secrets. */
export type AuthEvent =
  /** The file was read; `users` may log in from now on, with so many records of each scheme. */
  | (EventBase & {
      readonly type: 'loaded'
      readonly users: number
      readonly schemes: Readonly<Record<string, number>>
    })
  /** The file is missing or cannot be read: nobody gets in. */
  | (EventBase & { readonly type: 'unreadable'; readonly error: unknown })
  /** Lines that are no records are passed over; the first ten are named. */
  | (EventBase & {
      readonly type: 'lines-skipped'
      readonly lines: readonly number[]
      readonly count: number
    })
  /** A hash worker ended unexpectedly and is replaced. */
  | (EventBase & { readonly type: 'worker-died'; readonly error: unknown })

interface EventBase {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
}

/** What happened since the start; and, the last three, what is the case now. */
export interface Counters {
  /** Let in without a hash. */
  readonly hits: number
  /** Verified by a hash, whether right or wrong. */
  readonly misses: number
  readonly noCredentials: number
  readonly malformed: number
  readonly denied: number
  readonly busy: number
  readonly unavailable: number
  /** Passwords hashed; fewer than misses where several requests shared one. */
  readonly hashes: number
  /** Readings of the file that succeeded, the first included. */
  readonly reloads: number
  /** Users in the file. */
  readonly users: number
  /** Passwords that wait for a worker. */
  readonly queued: number
  /** Passwords that are remembered. */
  readonly cached: number
}

export interface AuthenticatorOptions {
  /** Path of the password file. It need not exist yet; until it does nobody gets in. */
  file: string
  /** What a browser shows when it asks. ASCII. Default `Restricted`. */
  realm?: string
  /** Threads that hash. Default: one for each processor. */
  workers?: number
  /** Passwords that may wait for a worker; beyond that the answer is `busy`. Default: 32 for each worker. */
  queue?: number
  /** Passwords remembered, the least recently used forgotten first. 0 remembers none. Default 10,000. */
  cacheSize?: number
  /** How long one is remembered, in milliseconds. Default an hour. */
  cacheTtl?: number
  /** Told of what an operator may want to know. Default: nobody is. */
  onEvent?: (event: AuthEvent) => void
}

export interface Authenticator {
  readonly realm: string
  /**
   * Who sent the request. At once, not as a promise, when no hash is needed: a password that is remembered, no or
   * unreadable credentials, a full queue. Never rejects.
   *
   * `client`, an address for one, is whose turn it is: where passwords wait for a worker, they take turns by client and
   * claimed user, so that a flood of guesses holds up nobody else.
   */
  authenticate(authorization: Authorization, client?: string): Verdict | Promise<Verdict>
  /** As `authenticate`, but undefined where that would start a hash. */
  remembered(authorization: Authorization): Verdict | undefined
  /**
   * Reads the file again now.
   * @throws HtgateError if it cannot be read; nobody gets in then
   */
  reload(): Promise<void>
  counters(): Counters
  /** Ends the threads and timers. Who waits, and who comes later, is answered `unavailable`. */
  close(): Promise<void>
}

/**
 * Answers who sent a request, by a password file that it watches.
 * Resolves when the file has been read, or found unreadable: `onEvent` is told which.
 * @throws HtgateError ERR_OPTION
 */
export async function createAuthenticator(options: AuthenticatorOptions): Promise<Authenticator> {
  const { file, realm = 'Restricted', onEvent = () => {} } = options
  const counters = {
    ...{ hits: 0, misses: 0, noCredentials: 0, malformed: 0, denied: 0, busy: 0, unavailable: 0 },
    ...{ hashes: 0, reloads: 0 },
  }
  const key = randomBytes(32)
  const verified = new Set<string>()
  let table: Map<string, string> | undefined
  let closed = false

  async function reload(): Promise<void> {
    try {
      const bytes = await readFile(file)
      const users = new Map<string, string>()
      const schemes: Record<string, number> = {}
      eachLine(bytes, (line) => {
        if ('malformed' in line) return true
        const user = bytes.toString('latin1', line.userStart, line.colon)
        const encoded = encodedOf(bytes, line)
        if (!users.has(user)) users.set(user, encoded)
        const scheme = schemeOf(encoded)?.name ?? 'unknown'
        schemes[scheme] = (schemes[scheme] ?? 0) + 1
        return true
      })
      table = users
      counters.reloads++
      onEvent({
        level: 'info',
        type: 'loaded',
        message: `${file}: ${users.size} users`,
        users: users.size,
        schemes,
      })
    } catch (thrown) {
      table = undefined
      const error = fileError(file, 'read', thrown)
      onEvent({
        level: 'error',
        type: 'unreadable',
        message: `${(error as Error).message}: nobody can log in`,
        error,
      })
      throw error
    }
  }

  const refuse = (reason: Reason, user?: string): Verdict => {
    counters[reason === 'no-credentials' ? 'noCredentials' : reason]++
    return user === undefined ? { ok: false, reason } : { ok: false, reason, user }
  }

  function look(authorization: Authorization): Verdict | (() => Promise<Verdict>) {
    const credentials = parseCredentials(authorization)
    if (typeof credentials === 'string') return refuse(credentials)
    const name = credentials.user.toString()
    if (table === undefined || closed) return refuse('unavailable', name)
    const encoded = table.get(credentials.user.toString('latin1'))
    const id = createHmac('sha256', key)
      .update(`${credentials.user.length}:`)
      .update(credentials.user)
      .update(`${credentials.password.length}:`)
      .update(credentials.password)
      .update(encoded ?? '')
      .digest('base64')
    if (verified.has(id)) {
      counters.hits++
      return { ok: true, user: name }
    }
    return async () => {
      counters.misses++
      counters.hashes++
      const ok = encoded !== undefined && (await schemeOf(encoded)?.verify(credentials.password, encoded))
      if (!ok) return refuse('denied', name)
      verified.add(id)
      return { ok: true, user: name }
    }
  }

  await reload().catch((error) => {
    if (!(error instanceof HtgateError)) throw error
  })

  return {
    realm,
    authenticate(authorization) {
      const found = look(authorization)
      return typeof found === 'function' ? found() : found
    },
    remembered(authorization) {
      const found = look(authorization)
      return typeof found === 'function' ? undefined : found
    },
    reload,
    counters: () => ({ ...counters, users: table?.size ?? 0, queued: 0, cached: verified.size }),
    async close() {
      closed = true
    },
  }
}
