import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { get, type IncomingMessage, request as send } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ALICE, type GateProcess, memoryOf, startGateProcess, startUpstream, until } from '../support/gate.js'
import { settled } from '../support/until.js'

// Bodies of any size, both ways: they arrive unchanged, and the gate never holds much of them in memory.

const MIB = 1024 * 1024
const SIZE = process.env.HTGATE_FULL === '1' ? 2048 * MIB : 96 * MIB
/** How much memory the gate may use beyond its idle state. */
const MEMORY = 150 * MIB
const PIECE = Buffer.alloc(256 * 1024, 'what is to be streamed ')

/** `size` bytes that differ from piece to piece. */
async function* bytes(size: number) {
  for (let i = 0; i < size / PIECE.length; i++) {
    const piece = Buffer.from(PIECE)
    piece.writeUInt32BE(i)
    yield piece
  }
}

async function digest(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha1')
  for await (const part of stream) hash.update(part)
  return hash.digest('hex')
}

const EXPECTED = await digest(bytes(SIZE))

/** The largest growth of the gate's memory until `work` is done. */
async function growth(gate: GateProcess, work: () => Promise<void>): Promise<number> {
  const before = memoryOf(gate)
  let most = before
  const timer = setInterval(() => {
    most = Math.max(most, memoryOf(gate))
  }, 20)
  onTestFinished(() => clearInterval(timer))
  await work()
  return most - before
}

describe.each(['Content-Length', 'chunked'])(`${SIZE / MIB} MiB, %s`, (framing) => {
  const headers = framing === 'chunked' ? {} : { 'Content-Length': String(SIZE) }

  test('uploads arrive unchanged, with little memory', { timeout: 300_000 }, async () => {
    let received = ''
    let seen: IncomingMessage['headers'] = {}
    const upstream = await startUpstream(async (request, response) => {
      seen = request.headers
      received = await digest(request)
      response.end()
    })
    const gate = await startGateProcess({ upstream: upstream.url })
    const most = await growth(gate, async () => {
      const outgoing = send(gate.url, { method: 'PUT', headers: { authorization: ALICE, ...headers } })
      const [[response]] = await Promise.all([
        once(outgoing, 'response') as Promise<[IncomingMessage]>,
        pipeline(Readable.from(bytes(SIZE)), outgoing),
      ])
      expect(response.statusCode).toBe(200)
    })
    expect(received).toBe(EXPECTED)
    expect(seen['content-length']).toBe(framing === 'chunked' ? undefined : String(SIZE))
    expect(most).toBeLessThan(MEMORY)
  })

  test('downloads arrive unchanged, with little memory', { timeout: 300_000 }, async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, headers)
      void pipeline(Readable.from(bytes(SIZE)), response)
    })
    const gate = await startGateProcess({ upstream: upstream.url })
    const most = await growth(gate, async () => {
      const [response] = (await once(get(gate.url, { headers: { authorization: ALICE } }), 'response')) as [
        IncomingMessage,
      ]
      expect(response.headers['content-length']).toBe(framing === 'chunked' ? undefined : String(SIZE))
      expect(await digest(response)).toBe(EXPECTED)
    })
    expect(most).toBeLessThan(MEMORY)
    await until(() => gate.log().some(({ bytes }) => bytes === SIZE), gate.output)
  })
})

describe('back-pressure', () => {
  test('a client that does not read holds back the upstream', async () => {
    let sent = 0
    const upstream = await startUpstream((_, response) => {
      const write = () => {
        do sent += PIECE.length
        while (response.write(PIECE) && sent < SIZE)
      }
      response.on('drain', write)
      write()
    })
    const gate = await startGateProcess({ upstream: upstream.url })
    const outgoing = get(gate.url, { headers: { authorization: ALICE } })
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    response.pause()
    await until(() => sent > 0)
    expect(await settled(() => sent)).toBeLessThan(32 * MIB)
    outgoing.destroy()
  })

  test('an upstream that does not read holds back the client', async () => {
    const upstream = await startUpstream((request) => request.pause())
    const gate = await startGateProcess({ upstream: upstream.url })
    const outgoing = send(gate.url, { method: 'PUT', headers: { authorization: ALICE } })
    outgoing.on('error', () => {})
    let sent = 0
    const write = () => {
      do sent += PIECE.length
      while (outgoing.write(PIECE) && sent < SIZE)
    }
    outgoing.on('drain', write)
    write()
    await until(() => sent > 0)
    expect(await settled(() => sent)).toBeLessThan(32 * MIB)
    outgoing.destroy()
  })
})
