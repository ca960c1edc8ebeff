import { createServer, type IncomingMessage, request } from 'node:http'
import { Duplex } from 'node:stream'
import type { Message } from './support.js'

// How Node's own parser reads the same bytes.

export interface NodeReading {
  readonly messages: Message[]
  /** The start line of an incomplete message. */
  open: string | undefined
  /** Node's error code if it rejects the bytes. */
  error: string | undefined
}

/** An in-memory connection, one side of which is ours. */
class Loop extends Duplex {
  override _read() {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void) {
    done()
  }
  setTimeout() {
    return this
  }
  setNoDelay() {
    return this
  }
  setKeepAlive() {
    return this
  }
}

const turn = () => new Promise(setImmediate)
/** Turns of the event loop after which Node has reported everything. */
const TURNS = 4
const LIMITS = { maxHeaderSize: 1024 * 1024, keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 }

/** The latest message: an earlier one may be reported complete after it. */
const latest = new WeakMap<NodeReading, IncomingMessage>()

function collect(message: IncomingMessage, start: string, reading: NodeReading): void {
  const body: Buffer[] = []
  reading.open = start
  latest.set(reading, message)
  message.on('data', (part: Buffer) => body.push(part))
  message.on('error', () => {})
  message.on('end', () => {
    if (!message.complete) return
    if (latest.get(reading) === message) reading.open = undefined
    reading.messages.push({
      start,
      fields: message.rawHeaders,
      body: Buffer.concat(body).toString('latin1'),
      trailers: message.rawTrailers,
    })
  })
}

/** Reads all at once, which is faster than one by one. */
export async function readRequestsWithNode(texts: readonly string[]): Promise<NodeReading[]> {
  const readings = new Map<unknown, NodeReading>()
  const server = createServer(LIMITS)
  const onRequest = (message: IncomingMessage) => {
    const { method, url, httpVersion, socket } = message
    collect(message, `${method} ${url} ${httpVersion}`, readings.get(socket) as NodeReading)
  }
  server.on('request', onRequest).on('checkExpectation', onRequest).on('checkContinue', onRequest)
  server.on('connect', () => {}) // Without a listener Node closes the connection, with what it has read before.
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const reading = readings.get(socket) as NodeReading
    reading.error ??= error.code ?? error.message
  })
  const sockets = texts.map((text) => {
    const socket = new Loop()
    readings.set(socket, { messages: [], open: undefined, error: undefined })
    server.emit('connection', socket)
    socket.push(Buffer.from(text, 'latin1'))
    return socket
  })
  for (let i = 0; i < TURNS; i++) await turn()
  const all = sockets.map((socket) => readings.get(socket) as NodeReading)
  // Errors from destroying the sockets are not caused by the bytes.
  const settled = all.map((reading) => ({ ...reading, messages: [...reading.messages] }))
  for (const socket of sockets) socket.on('error', () => {}).destroy()
  return settled
}

/** Reads one response per connection, after which the connection closes. */
export async function readResponsesWithNode(
  cases: readonly { text: string; toHead: boolean }[],
): Promise<NodeReading[]> {
  const all = cases.map(({ text, toHead }) => {
    const reading: NodeReading = { messages: [], open: undefined, error: undefined }
    const socket = new Loop()
    const outgoing = request({
      createConnection: () => socket,
      method: toHead ? 'HEAD' : 'GET',
      maxHeaderSize: LIMITS.maxHeaderSize,
    })
    outgoing.on('response', (message) => {
      message.on('error', (error: NodeJS.ErrnoException) => (reading.error ??= error.code ?? error.message))
      collect(message, `${message.statusCode} ${message.statusMessage} ${message.httpVersion}`, reading)
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => (reading.error ??= error.code ?? error.message))
    outgoing.end()
    return { reading, socket, text }
  })
  await turn()
  for (const { socket, text } of all) {
    socket.push(Buffer.from(text, 'latin1'))
    socket.push(null)
  }
  for (let i = 0; i < TURNS; i++) await turn()
  const settled = all.map(({ reading }) => ({ ...reading, messages: [...reading.messages] }))
  for (const { socket } of all) socket.on('error', () => {}).destroy()
  return settled
}
