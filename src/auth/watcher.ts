import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

// Notices that a file has changed, by looking at it several times a second. The system's notifications (inotify and its
// kin) are no substitute: they miss network file systems, and where a symbolic link on the way leads to now.

const LOOK_MS = 100
/** A change is taken up when it has rested so long: whoever writes in place, as Apache's htpasswd, is done then. */
const REST_MS = 50
/** But not later than this after it was seen: it has to count within a second. */
const PATIENCE_MS = 500
/** Clocks of file systems tick slowly: a file that changed a moment ago may change again and look the same. */
const TICK_MS = 50

/** What a watcher calls. */
export interface Listener {
  content(bytes: Buffer): Promise<void>
  unreadable(error: Error): void
}

/** What a look at the file shows: its identity and times, or the code of an error. */
type Fingerprint = string

interface Change {
  readonly fingerprint: Fingerprint
  readonly since: number
}

export class Watcher {
  readonly #path: string
  readonly #listener: Listener
  /** What the listener was told last. */
  #lastSeen: { readonly fingerprint: Fingerprint | undefined; readonly bytes?: Buffer } | undefined
  #turn: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(path: string, listener: Listener) {
    this.#path = path
    this.#listener = listener
  }

  /** Reads the file, and watches it from then on. */
  async start(): Promise<void> {
    await this.read().catch(() => {})
    this.#lookLater(LOOK_MS)
  }

  /**
   * Reads the file and tells the listener, whether or not anything has changed.
   * @throws what `unreadable` is told
   */
  read(): Promise<void> {
    const read = this.#turn.then(() => this.#tell(true))
    this.#turn = read.then(
      () => {},
      () => {},
    )
    return read
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#turn
  }

  #lookLater(pause: number, change?: Change): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => {
      this.#turn = this.#turn.then(() => this.#look(change))
    }, pause).unref()
  }

  async #look(last: Change | undefined): Promise<void> {
    const fingerprint = await stat(this.#path, { bigint: true }).then(fingerprintOf, codeOf)
    if (fingerprint === this.#lastSeen?.fingerprint) return this.#lookLater(LOOK_MS)

    const since = last?.since ?? performance.now()
    if (fingerprint !== last?.fingerprint && performance.now() - since < PATIENCE_MS) {
      return this.#lookLater(REST_MS, { fingerprint, since })
    }
    await this.#tell(false).catch(() => {})
    this.#lookLater(LOOK_MS)
  }

  async #tell(always: boolean): Promise<void> {
    try {
      const { bytes, fingerprint } = await readAtRest(this.#path)
      const news = always || this.#lastSeen?.bytes?.equals(bytes) !== true
      this.#lastSeen = { fingerprint, bytes }
      if (news) await this.#listener.content(bytes)
    } catch (error) {
      // A file that is there but cannot be read is tried again at each look; once is enough to be told of it.
      const fingerprint = codeOf(error as Error)
      const news = always || this.#lastSeen?.fingerprint !== fingerprint
      this.#lastSeen = { fingerprint }
      if (news) this.#listener.unreadable(error as Error)
      throw error
    }
  }
}

/** The whole content. Where somebody is writing the file meanwhile, the reading begins anew, for a while. */
async function readAtRest(path: string): Promise<{ bytes: Buffer; fingerprint: Fingerprint | undefined }> {
  const deadline = performance.now() + PATIENCE_MS
  // Not to wait where a pipe has no writer.
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
      await sleep(REST_MS)
    }
  } finally {
    await file.close()
  }
}

/** One buffer of the file's size: a file of a million users is in memory once. */
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

/** Follows from which file it is, where its content lies, and when it changed; so a link that leads elsewhere changes it. */
function fingerprintOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Fingerprint {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

const codeOf = (error: NodeJS.ErrnoException): Fingerprint => error.code ?? error.message
