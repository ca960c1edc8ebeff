import { trimWhitespace } from '../http1/grammar.js'

/**
 * Whether a client that sends this Accept header prefers HTML to JSON (RFC 9110, section 12.5.1). Wildcards don't count: programs
 * send them, while browsers list HTML.
 */
export function prefersHtml(accept: string): boolean {
  const html = quality(accept, 'text/html')
  const json = quality(accept, 'application/json')
  if (html.q === json.q) return html.q > 0 && html.place < json.place
  return html.q > json.q
}

/** The quality of a media type from 0 to 1, and its place in the list. */
function quality(accept: string, type: string): { readonly q: number; readonly place: number } {
  for (const [place, range] of accept.toLowerCase().split(',').entries()) {
    const [name = '', ...parameters] = range.split(';').map(trimWhitespace)
    if (name !== type) continue
    const q = parameters.find((each) => each.startsWith('q='))?.slice(2) ?? '1'
    return { q: Math.min(Number(q) || 0, 1), place }
  }
  return { q: 0, place: Number.POSITIVE_INFINITY }
}
