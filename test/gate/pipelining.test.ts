import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import {
  asAlice,
  type GateProcess,
  raw,
  startGateProcess,
  startUpstream,
  statuses,
  until,
} from '../support/gate.js'
import { basic } from '../support/requests.js'

/** The peak memory of a gate, in MiB (proc(5)). */
const peakOf = (gate: GateProcess): number =>
  Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${gate.process.pid}/status`, 'latin1'))?.[1]) / 1024

test('endlessly pipelined wrong logins use little memory, and delay no other client', async () => {
  const upstream = await startUpstream()
  const gate = await startGateProcess({ upstream: upstream.url })
  expect((await asAlice(gate.url)).status).toBe(200)
  const before = peakOf(gate)

  // On each of 8 connections, as fast as the gate takes them.
  let sent = 0
  const sockets = Array.from({ length: 8 }, () => {
    const socket = connect(gate.port, '127.0.0.1')
    const flood = () => {
      while (!socket.destroyed) {
        const guesses = Array.from(
          { length: 200 },
          () => `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('alice', `guess ${sent++}`)}\r\n\r\n`,
        )
        if (!socket.write(guesses.join(''))) return
      }
    }
    socket
      .on('connect', flood)
      .on('drain', flood)
      .on('error', () => {})
    socket.resume()
    return socket
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await until(
    () => sent > 5000,
    () => sent,
  )
  for (let served = 0; served < 50 || sent < 20_000; served++) {
    expect((await asAlice(gate.url)).status).toBe(200)
  }
  expect(peakOf(gate) - before).toBeLessThan(100)
  expect(gate.process.exitCode).toBeNull()
})

const request = `GET / HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic('alice', 'secret')}\r\n\r\n`

test('requests sent at once are all answered, one after another', async () => {
  const upstream = await startUpstream()
  const gate = await startGateProcess({ upstream: upstream.url })
  const { text } = raw(gate.port, request.repeat(1000))
  await until(
    () => statuses(text()).length === 1000,
    () => statuses(text()).length,
  )
  expect(new Set(statuses(text()))).toEqual(new Set([200]))
})
