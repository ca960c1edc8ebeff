import type { ResponseHead } from '../http1/head.js'
import type { Exchange } from './exchange.js'
import { pathOf } from './exchange.js'
import { holdsSession } from './pages/cookies.js'

// A page such as MLflow's may stay open for days, sending requests in the background. Once the session has ended, these get 401,
// and no response header can make a browser reload the page: Chromium ignores Refresh and Location, and does not support
// "executionContexts" in Clear-Site-Data. So the gate appends a script to the application's page, without parsing or buffering,
// and Content-Length grows accordingly. The gate changes nothing else in response bodies.

const TAIL = Buffer.from('<script src="/.htgate/session.js" defer></script>')

/** Conditional and partial requests: the upstream's validators do not match the browser's copy. */
const NOT_SENT =
  /^(?:accept-encoding|if-match|if-none-match|if-modified-since|if-unmodified-since|if-range|range):[^\r]*\r\n/gim
const NOT_RETURNED =
  /^(?:accept-ranges|content-digest|content-md5|digest|etag|last-modified|repr-digest):[^\r]*\r\n/gim

export class PageScript {
  readonly #isPage: (target: string) => boolean

  /** @param isPage whether a target is a page of the application that stays open */
  constructor(isPage: (target: string) => boolean) {
    this.#isPage = isPage
  }

  /** Whether a request is for such a page, by a browser with a session. */
  concerns({ method, target, headers }: Pick<Exchange, 'method' | 'target' | 'headers'>): boolean {
    if (headers.fetchDest !== 'document' || method !== 'GET' || headers.cookie === undefined) return false
    return headers.authorization === undefined && holdsSession(headers.cookie) && this.#isPage(pathOf(target))
  }

  /** The request's header lines, changed to request the whole page, uncompressed. */
  requestLines(lines: string): string {
    return lines.replace(NOT_SENT, '')
  }

  /** What to append to a response's body; undefined if it is not a page, or must not be changed. */
  tailOf({ status, fields, length }: ResponseHead): Buffer | undefined {
    if (status !== 200 || length === 0 || fields.names.includes('content-encoding')) return undefined
    if (!/^text\/html\b/i.test(fields.list('content-type') ?? '')) return undefined
    if (/^attachment\b/i.test(fields.list('content-disposition') ?? '')) return undefined
    return /\bno-transform\b/i.test(fields.list('cache-control') ?? '') ? undefined : TAIL
  }

  /** The lines of a response with a tail. */
  responseLines(lines: string): string {
    return lines.replace(NOT_RETURNED, '')
  }
}
