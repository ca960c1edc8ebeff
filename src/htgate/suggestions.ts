import { isIPv6 } from 'node:net'
import { parseAddress } from '../system/address.js'

// What a user most likely meant by a misspelled name or value, for hints.

/** The candidate that needs the fewest changes to become `word`; undefined if all need too many. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined
  let fewest = Math.ceil(word.replace(/^--/, '').length / 3)
  for (const candidate of candidates) {
    const changes = distance(word, candidate)
    if (changes < fewest || (changes === fewest && best === undefined)) [best, fewest] = [candidate, changes]
  }
  return best
}

/** Insertions, deletions, substitutions and transpositions of neighbors (optimal string alignment). */
function distance(a: string, b: string): number {
  let [older, old]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const isEqual = a[i - 1] === b[j - 1]
      let least = Math.min(
        (old[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (old[j - 1] as number) + (isEqual ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (older[j - 2] as number) + 1)
      row.push(least)
    }
    ;[older, old] = [old, row]
  }
  return old[b.length] as number
}

/** The address to listen on that a text in another form most likely means. */
export function addressMeant(text: string): string | undefined {
  if (text === '') return undefined
  if (/^\.{0,2}\/|\.sock$/.test(text)) return `unix:${text}`
  const rest = text.trim().replace(/^https?:\/\/([^/]*).*$/i, '$1')
  const whole = rest.replace(/^\[|\]$/g, '')
  const [, head = '', digits = ''] = /^([^[\]]*):(\d{1,5})$/.exec(rest) ?? []
  // `::1:443` may be an address as a whole; `::1:8443` more likely ends with a port.
  if (isIPv6(head) && (digits.length > 3 || !isIPv6(whole))) return `[${head}]:${digits}`
  if (isIPv6(whole)) return `[${whole}]:8080`
  const [, , port] = /^(.*):(\d+)$/.exec(rest) ?? []
  const meant = port === undefined ? `${rest}:8080` : rest
  return /^[\w.-]*:\d+$/.test(meant) && parseAddress(meant) !== undefined ? meant : undefined
}

/** The URL of an upstream that a text in another form most likely means. */
export function upstreamMeant(text: string): string | undefined {
  if (/^\//.test(text)) return `unix:${text}`
  const [, host, port] = /^(?:(localhost|[\w.-]+\.[\w.-]+|[\w-]+(?=:)))?:?(\d{1,5})?\/?$/.exec(text) ?? []
  if ((host === undefined && port === undefined) || Number(port ?? 0) > 65_535) return undefined
  return `http://${host ?? '127.0.0.1'}${port === undefined ? '' : `:${port}`}`
}
