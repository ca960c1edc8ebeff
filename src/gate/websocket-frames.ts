/** Tracks the frames in one direction of a WebSocket (RFC 6455, section 5.2), to know where one ends. */
export class WebSocketFrames {
  /** Bytes of the frame's header so far. */
  readonly #header: number[] = []
  /** Remaining bytes of the frame's payload. */
  #payload = 0

  /** Whether the last byte ended a frame. */
  get isBetweenFrames(): boolean {
    return this.#payload === 0 && this.#header.length === 0
  }

  /** Consumes all of `chunk`. */
  push(chunk: Buffer): void {
    for (let position = 0; position < chunk.length; ) position = this.#step(chunk, position)
  }

  /** Consumes the rest of the current frame. Returns how many bytes of `chunk` belong to it. */
  pushCurrent(chunk: Buffer): number {
    let position = 0
    while (position < chunk.length && !this.isBetweenFrames) position = this.#step(chunk, position)
    return position
  }

  #step(chunk: Buffer, position: number): number {
    if (this.#payload > 0) {
      const part = Math.min(this.#payload, chunk.length - position)
      this.#payload -= part
      return position + part
    }
    this.#header.push(chunk[position] as number)
    if (this.#header.length === headerLength(this.#header)) {
      this.#payload = payloadLength(this.#header)
      this.#header.length = 0
    }
    return position + 1
  }
}

/** Bytes in the extended length, by the value of the short one. */
const EXTENDED: Readonly<Record<number, number>> = { 126: 2, 127: 8 }

/** The header's length; undefined until its second byte has arrived. */
function headerLength([, second]: readonly number[]): number | undefined {
  if (second === undefined) return undefined
  const mask = second & 0x80 ? 4 : 0
  return 2 + (EXTENDED[second & 0x7f] ?? 0) + mask
}

function payloadLength(header: readonly number[]): number {
  const short = (header[1] as number) & 0x7f
  const extended = header.slice(2, 2 + (EXTENDED[short] ?? 0))
  return extended.length === 0 ? short : extended.reduce((length, byte) => length * 256 + byte, 0)
}

/** A server's close frame. `reason` is ASCII, at most 123 characters. */
export function closeFrame(code: number, reason: string): Buffer {
  const frame = Buffer.alloc(4 + reason.length)
  frame[0] = 0x88
  frame[1] = 2 + reason.length
  frame.writeUInt16BE(code, 2)
  frame.write(reason, 4, 'latin1')
  return frame
}
