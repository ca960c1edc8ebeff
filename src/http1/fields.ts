import { isToken } from './grammar.js'

/** Caches field names by spelling, so that each spelling is checked and converted to lower case only once. */
const known = new Map<string, string>()
/** Most names of clients to cache, and their length, so that invented names cannot fill the memory. */
const MOST_KNOWN = 1024
const LONGEST_KNOWN = 64

/** The lower-case form of a field name; undefined if it is not a token. */
export function lowerName(spelled: string): string | undefined {
  const found = known.get(spelled)
  if (found !== undefined) return found
  if (!isToken(spelled)) return undefined
  // A slice would keep the whole head in memory, so copy it.
  const copy = Buffer.from(spelled, 'latin1').toString('latin1')
  // As an object's key, it is interned by the engine, and compared by address.
  const [lower = ''] = Object.keys({ [copy.toLowerCase()]: 0 })
  if (known.size < MOST_KNOWN && copy.length <= LONGEST_KNOWN) known.set(copy, lower)
  return lower
}

const COMMON =
  'Host User-Agent Accept Accept-Encoding Accept-Language Authorization Connection Content-Type Content-Length Cookie ' +
  'Transfer-Encoding Date Server Cache-Control ETag Last-Modified Location Set-Cookie Vary Upgrade Expect TE Trailer ' +
  'Origin Referer If-None-Match If-Modified-Since Range X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host X-Real-IP ' +
  'Keep-Alive Content-Encoding Content-Disposition Access-Control-Allow-Origin X-Content-Type-Options X-Frame-Options'
for (const name of COMMON.split(' ')) {
  lowerName(name)
  lowerName(name.toLowerCase())
}

/**
 * The field lines of a head or trailer section, in order. Nothing is copied: a field is a position in the text, so that a run of
 * lines can be passed on unchanged.
 */
export class Fields {
  /** Names in lower case. */
  readonly names: string[] = []
  /** For each field, the start of its line, and the start and end of its value, without surrounding whitespace. */
  readonly #places: number[] = []

  constructor(
    /** Latin1. */
    readonly text: string,
  ) {}

  /** Adds the field whose line starts at `line`. */
  add(name: string, line: number, from: number, to: number): void {
    this.names.push(name)
    this.#places.push(line, from, to)
  }

  get count(): number {
    return this.names.length
  }

  value(index: number): string {
    return this.text.slice(this.#places[index * 3 + 1], this.#places[index * 3 + 2])
  }

  /** The value with trailing whitespace. */
  untrimmed(index: number): string {
    return this.text.slice(this.#places[index * 3 + 1], this.text.indexOf('\r', this.#places[index * 3 + 2]))
  }

  /** The start of the field's line. */
  start(index: number): number {
    return this.#places[index * 3] as number
  }

  /** The end of the field's line, after its CRLF. */
  end(index: number): number {
    return this.text.indexOf('\n', this.#places[index * 3 + 2]) + 1
  }

  /** The name as spelled. */
  spelled(index: number): string {
    const start = this.start(index)
    return this.text.slice(start, start + (this.names[index] as string).length)
  }

  /** The first field with this lower-case name. */
  get(name: string): string | undefined {
    const index = this.names.indexOf(name)
    return index === -1 ? undefined : this.value(index)
  }

  /** All values of this lower-case name, as one list (RFC 9110, section 5.3). */
  list(name: string): string | undefined {
    let list: string | undefined
    for (let i = 0; i < this.names.length; i++) {
      if (this.names[i] === name) list = list === undefined ? this.value(i) : `${list}, ${this.value(i)}`
    }
    return list
  }

  /** The lines, with CRLF, of the fields whose lower-case names `keep` accepts. */
  lines(keep: (name: string) => boolean): string {
    const { names, text } = this
    let lines = ''
    let run = -1
    for (let i = 0; i < names.length; i++) {
      if (keep(names[i] as string)) {
        if (run === -1) run = this.start(i)
      } else if (run !== -1) {
        lines += text.slice(run, this.start(i))
        run = -1
      }
    }
    if (run === -1) return lines
    return lines + text.slice(run, this.end(names.length - 1))
  }
}
