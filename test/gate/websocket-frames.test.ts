import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closeFrame, WebSocketFrames } from '../../src/gate/websocket-frames.js'

/** A frame of `length` bytes. */
function frame(length: number, isMasked = false): Buffer {
  const head = length < 126 ? Buffer.from([0x82, length]) : Buffer.alloc(length < 65_536 ? 4 : 10, 0)
  if (length >= 126) {
    head[0] = 0x82
    head[1] = length < 65_536 ? 126 : 127
    if (length < 65_536) head.writeUInt16BE(length, 2)
    else head.writeBigUInt64BE(BigInt(length), 2)
  }
  if (isMasked) head[1] = (head[1] as number) | 0x80
  return Buffer.concat([head, Buffer.alloc(isMasked ? 4 : 0), Buffer.alloc(length, 0xff)])
}

const LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000]

test('finds the end of frames of any length, however they are split', () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(...LENGTHS), fc.boolean()), { minLength: 1, maxLength: 4 })
  const cuts = fc.array(fc.nat(1000), { maxLength: 20 })
  fc.assert(
    fc.property(frames, cuts, (frames, cuts) => {
      const bytes = Buffer.concat(frames.map(([length, isMasked]) => frame(length, isMasked)))
      const ends = new Set([0])
      let end = 0
      for (const [length, isMasked] of frames) {
        end += frame(length, isMasked).length
        ends.add(end)
      }
      const follower = new WebSocketFrames()
      let position = 0
      for (const cut of [...cuts, bytes.length]) {
        follower.push(bytes.subarray(position, position + cut))
        position = Math.min(bytes.length, position + cut)
        expect(follower.isBetweenFrames).toBe(ends.has(position))
      }
    }),
    { numRuns: 50 },
  )
})

test('the rest of the current frame is distinguished from the next one', () => {
  const follower = new WebSocketFrames()
  follower.push(frame(10).subarray(0, 5))
  expect(follower.pushCurrent(Buffer.concat([frame(10).subarray(5), frame(3)]))).toBe(7)
  expect(follower.isBetweenFrames).toBe(true)
  expect(follower.pushCurrent(frame(3))).toBe(0)
})

test('a close frame has a code and a reason', () => {
  expect(closeFrame(1008, 'no')).toEqual(Buffer.from([0x88, 4, 0x03, 0xf0, 0x6e, 0x6f]))
})
