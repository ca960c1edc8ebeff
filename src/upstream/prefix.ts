/** How often to decode percent-encoding: servers decode once, some twice. */
const ROUNDS = 3

/**
 * Whether some server may read a target as leaving the path it is appended to: through `..`, in any encoding, with backslashes
 * for slashes, or with parameters after the dots.
 *
 * @param target path and query in origin form
 */
export function leavesPrefix(target: string): boolean {
  if (!target.includes('.') && !target.includes('%')) return false
  const query = target.indexOf('?')
  let path = query === -1 ? target : target.slice(0, query)
  for (let round = 0; round < ROUNDS; round++) {
    path = path.replace(/%(2e|2f|5c|25|3b)/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
  let depth = 0
  for (const segment of path.split(/[/\\]/)) {
    const name = segment.split(';', 1)[0]
    if (name === '..') depth--
    else if (name !== '' && name !== '.') depth++
    if (depth < 0) return true
  }
  return false
}
