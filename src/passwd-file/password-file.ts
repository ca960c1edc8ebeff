import { readFile } from 'node:fs/promises'
import { fileError, HtgateError } from '../errors.js'
import { type Description, describe, type HashOptions, hash, verify } from '../password.js'
import { type Edited, type Edits, edit } from './edits.js'
import { badUser, eachLine, encodedOf, MAX_RECORD_BYTES } from './records.js'
import { update } from './store/update.js'

/** Options of `openPasswordFile`. */
export interface OpenOptions {
  /** Start a new file if there is none; `save` creates it. Default false. */
  create?: boolean | undefined
}

/** A user and the stored hash; with scheme and cost if a scheme supports the hash. */
export interface UserRecord extends Partial<Description> {
  readonly user: string
  readonly encoded: string
}

/** A password file as it was read, and the edits since then, which `save` writes to the file. */
export interface PasswordFile {
  readonly path: string
  /** The record of `user`; the first if there are several, as in servers. */
  get(user: string): UserRecord | undefined
  /** All records, in the order of the file. */
  list(): UserRecord[]
  /** Whether `password` is the user's. False for an unknown user. Throws as `verify` does. */
  verify(user: string, password: string): Promise<boolean>
  /**
   * Sets the password of `user`, adding a record if there is none.
   * @throws HtgateError ERR_USER, and whatever `hash` throws
   */
  set(user: string, password: string, options?: HashOptions): Promise<void>
  /**
   * Sets the stored hash of `user`.
   * @throws HtgateError ERR_USER; ERR_OPTION if no scheme supports the hash
   */
  setEncoded(user: string, encoded: string): void
  /** Deletes all records of `user`; false if there is none. */
  delete(user: string): boolean
  /**
   * Applies the edits to the current file, under its lock, all or none; everything else in it stays unchanged, byte for byte.
   * Works synchronously, except while it waits for the lock.
   * @throws HtgateError ERR_FILE_…; the file is then unchanged, and the edits can be saved again
   */
  save(): Promise<void>
}

/**
 * Opens the password file at `path`.
 *
 * @example
 * const file = await openPasswordFile('.htpasswd', { create: true })
 * await file.set('bob', 'correct horse')
 * file.delete('carl') // → false
 * await file.save()
 * file.list().map(({ user, scheme }) => `${user}: ${scheme}`) // → [ 'ann: sha1', 'bob: bcrypt' ]
 *
 * @throws HtgateError ERR_FILE_…
 */
export async function openPasswordFile(path: string, options: OpenOptions = {}): Promise<PasswordFile> {
  if (typeof path !== 'string' || path === '') throw new HtgateError('ERR_OPTION', 'path must be a path')
  try {
    return new EditedFile(path, await readFile(path), false)
  } catch (thrown) {
    const error = fileError(path, 'read', thrown as Error)
    if (!options.create || error.code !== 'ERR_FILE_MISSING') throw error
    return new EditedFile(path, Buffer.alloc(0), true)
  }
}

class EditedFile implements PasswordFile {
  /** The content as last read or saved. */
  #content: Buffer
  #isNew: boolean
  /** The new record of each edited user; undefined deletes the user. */
  #edits = new Map<string, Buffer | undefined>()
  /** Resolves once all saves so far have ended. */
  #saved = Promise.resolve()

  constructor(
    readonly path: string,
    content: Buffer,
    isNew: boolean,
  ) {
    this.#content = content
    this.#isNew = isNew
  }

  get(user: string): UserRecord | undefined {
    const key = keyOf(user)
    if (this.#edits.has(key)) return recordsIn(this.#edits.get(key) ?? Buffer.alloc(0))[0]
    return recordsIn(this.#content, key)[0]
  }

  list(): UserRecord[] {
    return recordsIn(contentOf(edit(this.#content, this.#edits)))
  }

  async verify(user: string, password: string): Promise<boolean> {
    const record = this.get(user)
    return record !== undefined && verify(password, record.encoded)
  }

  async set(user: string, password: string, options?: HashOptions): Promise<void> {
    requireUser(user)
    this.setEncoded(user, await hash(password, options))
  }

  setEncoded(user: string, encoded: string): void {
    requireUser(user)
    if (describe(encoded) === undefined || /[\0\r\n:]/.test(encoded)) {
      throw new HtgateError('ERR_OPTION', 'encoded must be a hash of a known scheme')
    }
    const record = Buffer.from(`${user}:${encoded}\n`)
    if (record.length > MAX_RECORD_BYTES) {
      throw new HtgateError(
        'ERR_USER',
        `the record of ${user} would be longer than ${MAX_RECORD_BYTES - 1} bytes`,
      )
    }
    this.#edits.set(keyOf(user), record)
  }

  delete(user: string): boolean {
    const exists = this.get(user) !== undefined
    if (exists) this.#edits.set(keyOf(user), undefined)
    return exists
  }

  save(): Promise<void> {
    const edits: Edits = new Map(this.#edits)
    // In order, although each waits for the lock: of two edits of a user, the later one must stay.
    const saved = this.#saved.then(() => this.#write(edits))
    this.#saved = saved.catch(() => {})
    return saved
  }

  async #write(edits: Edits): Promise<void> {
    if (edits.size === 0 && !this.#isNew) return
    const makeEdits = (current: Buffer) => {
      const content = contentOf(edit(current, edits))
      return { pieces: [content], done: content }
    }
    try {
      this.#content = await update(this.path, makeEdits, { create: this.#isNew && 'if-missing' })
    } catch (error) {
      throw fileError(this.path, 'update', error as Error)
    }
    this.#isNew = false
    for (const [user, record] of edits) if (this.#edits.get(user) === record) this.#edits.delete(user)
  }
}

const contentOf = ({ pieces }: Edited): Buffer => Buffer.concat(pieces)

/** The records in `content`: all, or the first of one user. */
function recordsIn(content: Buffer, only?: string): UserRecord[] {
  const records: UserRecord[] = []
  eachLine(content, (line) => {
    if ('malformed' in line) return true
    if (only !== undefined && content.toString('latin1', line.userStart, line.colon) !== only) return true
    const encoded = Buffer.from(encodedOf(content, line), 'latin1').toString()
    records.push({
      user: content.toString('utf8', line.userStart, line.colon),
      encoded,
      ...describe(encoded),
    })
    return only === undefined
  })
  return records
}

/** One character per byte, as users are compared. */
function keyOf(user: string): string {
  if (typeof user !== 'string') throw new HtgateError('ERR_USER', 'user must be a string')
  return Buffer.from(user).toString('latin1')
}

function requireUser(user: string): void {
  const why = badUser(Buffer.from(keyOf(user), 'latin1'))
  if (why !== undefined) throw new HtgateError('ERR_USER', why)
}
