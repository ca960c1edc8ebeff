import { isToken } from './grammar.js'

/** Field names by the way they are spelled, so that a name that was seen before is neither checked nor lowered again. */
const known = new Map<string, string>()
/** Names from outside that are kept at most, and their length: whoever makes some up fills no memory. */
const MOST_KNOWN = 1024
const LONGEST_KNOWN = 64

/** The lower-case form of a field name; undefined if it is not a token. */
export function lowerName(spelled: string): string | undefined {
  const found = known.get(spelled)
  if (found !== undefined) return found
  if (!isToken(spelled)) return undefined
  // A slice would keep the whole head in memory.
  const copy = Buffer.from(spelled, 'latin1').toString('latin1')
  // As the key of an object it becomes the engine's one copy, which is compared by its address.
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
 * The field lines of a head or of a trailer section, in their order. Nothing is copied: a field is a place in the text
 * it stands in, so that a run of lines can be handed on as it came.
 */
export class Fields {
  /** Names in lower case. */
  readonly names: string[] = []
  /** For each field where its line starts, and where its value starts and ends, without the whitespace around it. */
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

  /** The value with the whitespace behind it. */
  untrimmed(index: number): string {
    return this.text.slice(this.#places[index * 3 + 1], this.text.indexOf('\r', this.#places[index * 3 + 2]))
  }

  /** Where the field's line starts. */
  start(index: number): number {
    return this.#places[index * 3] as number
  }

  /** Behind its CRLF. */
  end(index: number): number {
    return this.text.indexOf('\n', this.#places[index * 3 + 2]) + 1
  }

  /** The name as it was spelled. */
  spelled(index: number): string {
    const start = this.start(index)
    return this.text.slice(start, start + (this.names[index] as string).length)
  }

  /** The first field of that lower-case name. */
  get(name: string): string | undefined {
    const index = this.names.indexOf(name)
    return index === -1 ? undefined : this.value(index)
  }

  /** All values of that lower-case name, as one list (RFC 9110, section 5.3). */
  list(name: string): string | undefined {
    let list: string | undefined
    for (let i = 0; i < this.names.length; i++) {
      if (this.names[i] === name) list = list === undefined ? this.value(i) : `${list}, ${this.value(i)}`
    }
    return list
  }

  /** The lines, CRLF included, of the fields whose lower-case name `keep` wants. */
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
