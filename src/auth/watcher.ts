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

/** Who is told what the file holds. */
export interface Audience {
  content(bytes: Buffer): Promise<void>
  unreadable(error: Error): void
}

/** What a look at the file shows: its identity and times, or the code of an error. */
type Sight = string

interface Change {
  readonly seen: Sight
  readonly since: number
}

export class Watcher {
  readonly #path: string
  readonly #audience: Audience
  /** What the audience was told last. */
  #told: { readonly seen: Sight | undefined; readonly bytes?: Buffer } | undefined
  #turn: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(path: string, audience: Audience) {
    this.#path = path
    this.#audience = audience
  }

  /** Reads the file, and watches it from then on. */
  async start(): Promise<void> {
    await this.read().catch(() => {})
    this.#lookLater(LOOK_MS)
  }

  /**
   * Reads the file and tells the audience, whether or not anything has changed.
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
    const seen = await stat(this.#path, { bigint: true }).then(sightOf, codeOf)
    if (seen === this.#told?.seen) return this.#lookLater(LOOK_MS)

    const since = last?.since ?? performance.now()
    if (seen !== last?.seen && performance.now() - since < PATIENCE_MS) {
      return this.#lookLater(REST_MS, { seen, since })
    }
    await this.#tell(false).catch(() => {})
    this.#lookLater(LOOK_MS)
  }

  async #tell(always: boolean): Promise<void> {
    try {
      const { bytes, seen } = await readAtRest(this.#path)
      const news = always || this.#told?.bytes?.equals(bytes) !== true
      this.#told = { seen, bytes }
      if (news) await this.#audience.content(bytes)
    } catch (error) {
      // A file that is there but cannot be read is tried again at each look; once is enough to be told of it.
      const seen = codeOf(error as Error)
      const news = always || this.#told?.seen !== seen
      this.#told = { seen }
      if (news) this.#audience.unreadable(error as Error)
      throw error
    }
  }
}

/** The whole content. Where somebody is writing the file meanwhile, the reading begins anew, for a while. */
async function readAtRest(path: string): Promise<{ bytes: Buffer; seen: Sight | undefined }> {
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
      if (sightOf(before) === sightOf(after)) return { bytes, seen: isQuiet ? sightOf(after) : undefined }
      if (performance.now() > deadline) return { bytes, seen: undefined }
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
function sightOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Sight {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

const codeOf = (error: NodeJS.ErrnoException): Sight => error.code ?? error.message
