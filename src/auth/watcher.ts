import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'

// Detects changes to a file by polling. Notifications such as inotify miss changes on network file systems, and changes to
// symbolic links in the path.

/** How often to look at the file. */
const LOOK_MS = 100
/** A changed file is read once it has been unchanged for this long, so that programs can finish writing in place. */
const REST_MS = 50
/** It is read this long after the change at the latest, so that the change takes effect within a second. */
const PATIENCE_MS = 500
/** File timestamps are coarse: within this time, a file may change again without a new one. */
const TICK_MS = 50

/** Called by a watcher. */
export interface Listener {
  content(bytes: Buffer): Promise<void>
  unreadable(error: Error): void
}

/** A file's identity, size and times, or the code of the error if it cannot be examined. */
type Fingerprint = string

interface Change {
  readonly fingerprint: Fingerprint
  readonly since: number
}

export class Watcher {
  readonly #path: string
  readonly #listener: Listener
  /** What the listener was last called with, to tell whether there is news. */
  #lastSeen: { readonly fingerprint: Fingerprint | undefined; readonly bytes?: Buffer } | undefined
  #turn: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  /** Calls of `caughtUp` that the next look answers. */
  #waiting: (() => void)[] = []
  #closed = false

  constructor(path: string, listener: Listener) {
    this.#path = path
    this.#listener = listener
  }

  /** Reads the file, then watches it. */
  async start(): Promise<void> {
    await this.read().catch(() => {})
    this.#lookLater(LOOK_MS)
  }

  /**
   * Reads the file and calls the listener, even if nothing has changed.
   * @throws the error that `unreadable` was called with
   */
  read(): Promise<void> {
    const read = this.#turn.then(() => this.#tell(true))
    this.#turn = read.then(
      () => {},
      () => {},
    )
    return read
  }

  /**
   * Resolves once the listener has been called with every change made before this call. Reads nothing by itself: if the file
   * has changed, it waits for the watcher, which waits for programs to finish writing.
   */
  async caughtUp(): Promise<void> {
    const fingerprint = await stat(this.#path, { bigint: true }).then(fingerprintOf, codeOf)
    if (this.#closed) return
    if (fingerprint === this.#lastSeen?.fingerprint) return this.#turn
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#turn
    for (const resolve of this.#waiting) resolve()
  }

  #lookLater(pause: number, change?: Change): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#turn = this.#turn.then(() => this.#look(change))
    }, pause).unref()
  }

  async #look(last: Change | undefined): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    const fingerprint = await stat(this.#path, { bigint: true }).then(fingerprintOf, codeOf)
    if (fingerprint !== this.#lastSeen?.fingerprint) {
      const since = last?.since ?? performance.now()
      if (fingerprint !== last?.fingerprint && performance.now() - since < PATIENCE_MS) {
        this.#waiting.unshift(...waiting)
        return this.#lookLater(REST_MS, { fingerprint, since })
      }
      await this.#tell(false).catch(() => {})
    }
    for (const resolve of waiting) resolve()
    this.#lookLater(LOOK_MS)
  }

  async #tell(always: boolean): Promise<void> {
    try {
      const { bytes, fingerprint } = await readAtRest(this.#path)
      const news = always || this.#lastSeen?.bytes?.equals(bytes) !== true
      this.#lastSeen = { fingerprint, bytes }
      if (news) await this.#listener.content(bytes)
    } catch (error) {
      // A file that exists but cannot be read is tried again at every look, but reported once.
      const fingerprint = codeOf(error as Error)
      const news = always || this.#lastSeen?.fingerprint !== fingerprint
      this.#lastSeen = { fingerprint }
      if (news) this.#listener.unreadable(error as Error)
      throw error
    }
  }
}

/** Reads the whole file. If it changes meanwhile, starts over, for a while. */
async function readAtRest(path: string): Promise<{ bytes: Buffer; fingerprint: Fingerprint | undefined }> {
  const deadline = performance.now() + PATIENCE_MS
  // Opening a pipe without a writer must not block.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    for (;;) {
      const before = await file.stat({ bigint: true })
      if (!before.isFile()) throw Object.assign(new Error(`${path} is not a file`), { code: 'EISDIR' })
      const bytes = await contentOf(file, Number(before.size))
      const after = await file.stat({ bigint: true })
      const isQuiet = Math.abs(Date.now() - Number(after.ctimeMs)) > TICK_MS
      if (fingerprintOf(before) === fingerprintOf(after)) {
        return { bytes, fingerprint: isQuiet ? fingerprintOf(after) : undefined }
      }
      if (performance.now() > deadline) return { bytes, fingerprint: undefined }
      await new Promise((resolve) => setTimeout(resolve, REST_MS))
    }
  } finally {
    await file.close()
  }
}

/** Reads into one buffer of the file's size, so that a file of a million users is in memory only once. */
async function contentOf(file: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size)
  let length = 0
  while (length < size) {
    const { bytesRead } = await file.read(bytes, length, size - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.subarray(0, length)
}

/** Differs if the file has changed, or the path leads to another file. */
function fingerprintOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Fingerprint {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

const codeOf = (error: NodeJS.ErrnoException): Fingerprint => error.code ?? error.message
