import type { Fields } from '../../src/http1/fields.js'
import type { RequestHead, ResponseHead } from '../../src/http1/head.js'
import { ProtocolError } from '../../src/http1/protocol-error.js'
import { RequestReceiver, ResponseReceiver } from '../../src/http1/receiver.js'

/** A message as read by a parser. */
export interface Message {
  /** `GET /path 1.1` of a request, `200 OK 1.1` of a response. */
  readonly start: string
  /** Names as spelled, each followed by its value. */
  readonly fields: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

export interface Reading {
  readonly messages: Message[]
  /** The start line of an incomplete message at the end, if its head is complete. */
  readonly open: string | undefined
  /** Whether the bytes end in an incomplete message. */
  readonly partial: boolean
  /** Whether the last message closes the connection. */
  readonly closed: boolean
  /** Why the bytes were rejected. */
  readonly error: ProtocolError | undefined
}

export function pairs(fields: Fields | undefined): string[] {
  const all: string[] = []
  if (fields) for (let i = 0; i < fields.count; i++) all.push(fields.spelled(i), fields.value(i))
  return all
}

class Collector<Head extends RequestHead | ResponseHead> {
  readonly messages: Message[] = []
  #start: string | undefined
  #fields: string[] = []
  #body: Buffer[] = []
  /** Called when a message is complete, with whether its sender keeps the connection open. */
  next = (_: boolean) => {}
  #keepsAlive = true

  constructor(readonly describe: (head: Head) => string) {}

  get open(): string | undefined {
    return this.#start
  }

  head(head: Head): void {
    this.#start = this.describe(head)
    this.#fields = pairs(head.fields)
    this.#keepsAlive = head.keepsAlive
  }

  body(bytes: Buffer): void {
    this.#body.push(bytes)
  }

  end(trailers: Fields | undefined): void {
    this.messages.push({
      start: this.#start as string,
      fields: this.#fields,
      body: Buffer.concat(this.#body).toString('latin1'),
      trailers: pairs(trailers),
    })
    this.#start = undefined
    this.#body = []
    this.next(this.#keepsAlive)
  }
}

/** The parts in which bytes arrive. */
export type Split = (bytes: Buffer) => Iterable<Buffer>

export const whole: Split = (bytes) => [bytes]

export function* byteByByte(bytes: Buffer): Iterable<Buffer> {
  for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1)
}

export const splitAt =
  (at: number): Split =>
  (bytes) =>
    at <= 0 || at >= bytes.length ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)]

/** How our parser reads a client's bytes, including pipelined requests. */
export function readRequests(text: string, split: Split = whole): Reading {
  let closed = false
  const sink = new Collector<RequestHead>((head) => `${head.method} ${head.target} 1.${head.minor}`)
  const receiver = new RequestReceiver(sink)
  sink.next = (keepsAlive) => {
    if (keepsAlive) receiver.next()
    else closed = true
  }
  return { ...read(receiver, sink, text, split, false), closed }
}

/** How our parser reads an upstream's bytes, after which it closes. */
export function readResponses(text: string, toHead = false, split: Split = whole): Reading {
  const sink = new Collector<ResponseHead>((head) => `${head.status} ${head.reason} 1.${head.minor}`)
  const receiver = new ResponseReceiver(sink)
  receiver.toHead = toHead
  return { ...read(receiver, sink, text, split, true), closed: true }
}

function read(
  receiver: RequestReceiver | ResponseReceiver,
  sink: { messages: Message[]; open: string | undefined },
  text: string,
  split: Split,
  closes: boolean,
): Omit<Reading, 'closed'> {
  let error: ProtocolError | undefined
  try {
    for (const part of split(Buffer.from(text, 'latin1'))) receiver.receive(part)
    if (closes) receiver.close()
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown
    error = thrown
  }
  return {
    messages: sink.messages,
    open: sink.open,
    partial: !error && !receiver.isBetween && !receiver.ended,
    error,
  }
}
