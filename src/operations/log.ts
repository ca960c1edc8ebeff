import { write } from 'node:fs'
import type { Exchange } from '../gate/exchange.js'
import { printable } from '../system/printable.js'

// Lines on standard output. They are collected and written together, and never awaited: a reader that is slow, or stuck,
// holds up no request. What does not fit is dropped, and counted.

export const FORMATS = ['json', 'text', 'off'] as const
export type LogFormat = (typeof FORMATS)[number]

/** Milliseconds that a line may wait. */
const DELAY = 50
/** Characters that may wait: lines of about a minute at full speed. */
const MOST = 16 * 1024 * 1024
/** Characters of a user agent that a line holds. */
const MOST_OF_AGENT = 256

export type Level = 'info' | 'warn' | 'error'

export class Log {
  readonly #format: LogFormat
  #lines = ''
  #dropped = 0
  #timer: NodeJS.Timeout | undefined
  #writing = false

  constructor(format: LogFormat) {
    this.#format = format
  }

  /** What an operator should know; `fields` are strings and numbers, and no secrets. */
  event(level: Level, message: string, fields: Readonly<Record<string, string | number>> = {}): void {
    if (this.#format === 'off') return
    const time = new Date().toISOString()
    if (this.#format === 'json') {
      this.#add(json({ time, level, message, ...fields }))
    } else {
      const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${quoted(value)}`)
      this.#add(`${time} ${level} ${printable(message)}${rest.join('')}`)
    }
  }

  /** A request that is over. */
  access(exchange: Exchange, status: number, ms: number): void {
    if (this.#format === 'off') return
    const { user, client, path, bytes, principal, reason, missingRole, upstreamMs, head } = exchange
    const method = exchange.judgedMethod
    const time = now()
    const duration = ms.toFixed(1)
    const upstream = upstreamMs?.toFixed(1)
    if (this.#format === 'json') {
      this.#add(
        `{"time":"${time}","level":"info","user":${user === undefined ? 'null' : json(user)},"client":"${client.address}","method":${json(method)},"path":${json(path)},"status":${status},"bytes":${bytes},"ms":${duration},"upstream_ms":${upstream ?? 'null'},"reason":${word(reason)},"provider":${word(principal?.provider)},"missing_role":${word(missingRole)},"user_agent":${this.#agent(head.userAgent)}}`,
      )
    } else {
      const more = [
        upstream === undefined ? '' : ` upstream=${upstream}ms`,
        reason === undefined ? '' : ` reason=${reason}`,
        principal === undefined ? '' : ` provider=${quoted(principal.provider)}`,
        missingRole === undefined ? '' : ` missing_role=${missingRole}`,
        head.userAgent === undefined ? '' : ` user_agent=${quoted(head.userAgent)}`,
      ]
      this.#add(
        `${time} ${client.address} ${user === undefined ? '-' : quoted(user)} ${quoted(method)} ${quoted(path)} ${status} ${bytes} ${duration}ms${more.join('')}`,
      )
    }
  }

  #lastAgent = ''
  #lastAgentJson = '""'

  /** A client sends the same one each time, so its JSON is made once. */
  #agent(agent: string | undefined): string {
    if (agent === undefined) return 'null'
    if (agent !== this.#lastAgent) {
      this.#lastAgent = agent
      this.#lastAgentJson = json(agent.slice(0, MOST_OF_AGENT))
    }
    return this.#lastAgentJson
  }

  /** What came from `client` is no request, or not a whole one: there is no path to tell. */
  unreadable(client: string, status: number): void {
    if (this.#format === 'off') return
    const time = now()
    if (this.#format === 'json') {
      this.#add(
        `{"time":"${time}","level":"info","user":null,"client":"${client}","method":null,"path":null,"status":${status},"bytes":0,"ms":0}`,
      )
    } else this.#add(`${time} ${client} - - - ${status} 0 0ms`)
  }

  #add(line: string): void {
    if (this.#lines.length > MOST) {
      this.#dropped++
      return
    }
    this.#lines += `${line}\n`
    this.#timer ??= setTimeout(() => this.#flush(), DELAY).unref()
  }

  #flush(): void {
    this.#timer = undefined
    if (this.#writing || this.#lines === '') return
    const bytes = Buffer.from(this.#lines)
    this.#lines = ''
    this.#writing = true
    this.#write(bytes)
  }

  #write(bytes: Buffer): void {
    write(1, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') return void setTimeout(() => this.#write(bytes), DELAY)
      if (!error && written < bytes.length) return this.#write(bytes.subarray(written))
      this.#writing = false
      if (this.#dropped > 0) {
        const count = this.#dropped
        this.#dropped = 0
        this.event('warn', `${count} lines of the log were dropped: standard output is too slow`)
      }
      this.#flush()
      if (!this.#writing) this.#done?.()
    })
  }

  #done: (() => void) | undefined

  /** Resolves to true when everything is written, and to false after `timeout` milliseconds: the reader may be stuck. */
  async close(timeout: number): Promise<boolean> {
    clearTimeout(this.#timer)
    this.#flush()
    if (!this.#writing) return true
    return new Promise<boolean>((resolve) => {
      this.#done = () => resolve(true)
      setTimeout(resolve, timeout, false)
    })
  }
}

/** Words of the gate's own, which need no escapes. */
const word = (text: string | undefined): string => (text === undefined ? 'null' : `"${text}"`)

let millisecond = 0
let text = ''

/** The time, to the millisecond, in ISO 8601: the text is made once a millisecond. */
function now(): string {
  const time = Date.now()
  if (time !== millisecond) {
    millisecond = time
    text = new Date(time).toISOString()
  }
  return text
}

/** Control characters, which could fake a line or drive the terminal of its reader. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`

/** JSON leaves the upper ones as they are. */
const json = (value: unknown): string => JSON.stringify(value).replace(CONTROL, escaped)

function quoted(value: string | number): string {
  const text = printable(String(value))
  return /[\s"=]/.test(text) || text === '' ? JSON.stringify(text) : text
}
