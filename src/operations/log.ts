import { write } from 'node:fs'
import { printable } from '../system/printable.js'

// Log lines on standard output. They are buffered and written together without waiting, so that a slow or stuck reader delays
// no request. Lines that do not fit into the buffer are dropped and counted.

export const FORMATS = ['json', 'text', 'off'] as const
export type LogFormat = (typeof FORMATS)[number]

/** How long a line may be buffered, in milliseconds. */
const DELAY = 50
/** Most bytes to buffer: about a minute at full speed. */
const MAX_WAITING = 16 * 1024 * 1024

/** Number of characters after which lines are joined into a block. */
const BLOCK = 8192

/** Most characters of a user agent in a line. */
const MAX_AGENT = 256

export type Level = 'info' | 'warn' | 'error'

/** Further fields of a line; no secrets. */
export type LogFields = Readonly<Record<string, string | number | undefined>>

/** One request in the access log. */
export interface AccessEntry {
  /** The principal's name, or the claimed user name. */
  readonly user: string | undefined
  /** The client's address. */
  readonly client: string
  /** Method and path are undefined for an invalid request. The path has no query, which may contain secrets. */
  readonly method: string | undefined
  readonly path: string | undefined
  readonly status: number
  /** Length of the response's body. */
  readonly bytes: number
  /** Duration in milliseconds. */
  readonly ms: number
  /** Milliseconds until the upstream started its response. */
  readonly upstreamMs: number | undefined
  /** Why the gate refused or ended it. */
  readonly reason: string | undefined
  readonly provider: string | undefined
  /** How the principal was authenticated: `password`, `session`, `bearer`, `certificate` or `token ID`. */
  readonly via: string | undefined
  readonly missingRole: string | undefined
  readonly userAgent: string | undefined
}

export class Log {
  readonly #format: LogFormat
  readonly #fd: number
  /** Buffered lines; older ones as bytes, since appending to a long string keeps the garbage collector busy. */
  #lines = ''
  #blocks: Buffer[] = []
  #blocksLength = 0
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #writing = false

  /** @param fd the file descriptor to write to. Default: standard output */
  constructor(format: LogFormat, fd = 1) {
    this.#format = format
    this.#fd = fd
  }

  /** Logs an event for operators. */
  event(level: Level, message: string, fields: LogFields = {}): void {
    if (this.#format === 'off') return
    const time = new Date().toISOString()
    if (this.#format === 'json') {
      this.#add(json({ time, level, message, ...fields }))
    } else {
      const rest = Object.entries(fields).map(([name, value]) =>
        value === undefined ? '' : ` ${name}=${quoted(value)}`,
      )
      this.#add(`${time} ${level} ${printable(message)}${rest.join('')}`)
    }
  }

  /** Logs a request that has ended. */
  access(entry: AccessEntry): void {
    if (this.#format === 'off') return
    const { user, client, method, path, status, bytes, reason, provider, via, missingRole, userAgent } = entry
    const ms = tenths(entry.ms)
    const upstream = entry.upstreamMs === undefined ? undefined : tenths(entry.upstreamMs)
    if (this.#format === 'json') {
      this.#add(
        `{"time":"${now()}","level":"info","user":${this.#user.of(user)},"client":"${client}","method":${orNull(method)},"path":${this.#path.of(path)},"status":${status},"bytes":${bytes},"ms":${ms},"upstream_ms":${upstream ?? 'null'},${this.#rest(reason, provider, via, missingRole, userAgent)}}`,
      )
    } else {
      const more = [
        upstream === undefined ? '' : ` upstream=${upstream}ms`,
        reason === undefined ? '' : ` reason=${reason}`,
        provider === undefined ? '' : ` provider=${quoted(provider)}`,
        via === undefined ? '' : ` via=${quoted(via)}`,
        missingRole === undefined ? '' : ` missing_role=${missingRole}`,
        userAgent === undefined ? '' : ` user_agent=${quoted(userAgent.slice(0, MAX_AGENT))}`,
      ]
      this.#add(
        `${now()} ${client} ${orDash(user)} ${orDash(method)} ${orDash(path)} ${status} ${bytes} ${ms}ms${more.join('')}`,
      )
    }
  }

  readonly #user = new LastJson()
  readonly #path = new LastJson()
  #lastReason: string | undefined
  #lastProvider: string | undefined
  #lastRole: string | undefined
  #lastVia: string | undefined
  #lastAgent: string | undefined
  #lastRest = ''

  /** The fields that are mostly the same as in the previous line, and are then reused. */
  #rest(
    reason: string | undefined,
    provider: string | undefined,
    via: string | undefined,
    role: string | undefined,
    agent: string | undefined,
  ): string {
    if (
      agent !== this.#lastAgent ||
      provider !== this.#lastProvider ||
      via !== this.#lastVia ||
      reason !== this.#lastReason ||
      role !== this.#lastRole ||
      this.#lastRest === ''
    ) {
      this.#lastAgent = agent
      this.#lastProvider = provider
      this.#lastVia = via
      this.#lastReason = reason
      this.#lastRole = role
      this.#lastRest = `"reason":${word(reason)},"provider":${word(provider)},"via":${word(via)},"missing_role":${word(role)},"user_agent":${orNull(agent?.slice(0, MAX_AGENT))}`
    }
    return this.#lastRest
  }

  #add(line: string): void {
    if (this.#closed) return
    if (this.#blocksLength > MAX_WAITING) {
      this.#dropped++
      return
    }
    this.#lines += `${line}\n`
    if (this.#lines.length > BLOCK) this.#seal()
    if (!this.#writing) this.#flushSoon()
  }

  /** Lines that were logged during a write wait, too: otherwise there would be many small writes instead of a large one. */
  #flushSoon(): void {
    if (this.#lines === '' && this.#blocks.length === 0) return
    this.#timer ??= setTimeout(() => this.#flush(), DELAY).unref()
  }

  /** Joins the lines so far into a block. */
  #seal(): void {
    const block = Buffer.from(this.#lines)
    this.#blocks.push(block)
    this.#blocksLength += block.length
    this.#lines = ''
  }

  #flush(): void {
    this.#timer = undefined
    if (this.#lines !== '') this.#seal()
    if (this.#writing || this.#blocks.length === 0) return
    const bytes = Buffer.concat(this.#blocks)
    this.#blocks = []
    this.#blocksLength = 0
    this.#writing = true
    this.#write(bytes)
  }

  #write(bytes: Buffer): void {
    write(this.#fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') return void setTimeout(() => this.#write(bytes), DELAY)
      if (!error && written < bytes.length) return this.#write(bytes.subarray(written))
      this.#writing = false
      if (this.#dropped > 0) {
        const count = this.#dropped
        this.#dropped = 0
        this.event('warn', `${count} log lines dropped: standard output is too slow`)
      }
      if (this.#done === undefined) this.#flushSoon()
      else {
        this.#flush()
        if (!this.#writing) this.#done()
      }
    })
  }

  #done: (() => void) | undefined
  #closed = false

  /**
   * Resolves to true when everything is written, or to false after `timeout` milliseconds, since the reader may be stuck. Later
   * lines are dropped: the file descriptor may then be another file's.
   */
  async close(timeout: number): Promise<boolean> {
    clearTimeout(this.#timer)
    this.#flush()
    const isWritten =
      !this.#writing ||
      (await new Promise<boolean>((resolve) => {
        this.#done = () => resolve(true)
        setTimeout(resolve, timeout, false)
      }))
    this.#closed = true
    return isWritten
  }
}

let millisecond = 0
let text = ''

/** The current time in ISO 8601, formatted once per millisecond. */
function now(): string {
  const time = Date.now()
  if (time !== millisecond) {
    millisecond = time
    text = new Date(time).toISOString()
  }
  return text
}

/** Escapes control characters, so that no client can forge a line or send escape sequences to a terminal. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`

/** JSON itself does not escape characters from U+007F on. */
const json = (value: unknown): string => JSON.stringify(value).replace(CONTROL, escaped)

/** The gate's own terms, which need no escaping. */
const word = (text: string | undefined): string => (text === undefined ? 'null' : `"${text}"`)

/** The JSON of a text, reused while the text stays the same. */
class LastJson {
  #text: string | undefined
  #json = 'null'

  of(text: string | undefined): string {
    if (text !== this.#text) {
      this.#text = text
      this.#json = orNull(text)
    }
    return this.#json
  }
}

/** Text that needs no escaping in JSON. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function orNull(text: string | undefined): string {
  if (text === undefined) return 'null'
  return PLAIN.test(text) ? `"${text}"` : json(text)
}

/** Formats milliseconds with one decimal, faster than toFixed(1). */
function tenths(ms: number): string {
  const count = Math.round(ms * 10)
  return `${Math.floor(count / 10)}.${count % 10}`
}

const orDash = (text: string | undefined): string => (text === undefined ? '-' : quoted(text))

function quoted(value: string | number): string {
  const text = printable(String(value))
  return /[\s"=]/.test(text) || text === '' ? JSON.stringify(text) : text
}
