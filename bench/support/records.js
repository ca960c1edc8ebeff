import { createHash } from 'node:crypto'

/** Records that look like apr1 hashes, for tests that verify no password. */
export function records(prefix, count) {
  const lines = []
  for (let i = 0; i < count; i++) {
    const noise = createHash('md5').update(String(i)).digest('hex')
    lines.push(`${prefix}${i}:$apr1$${noise.slice(0, 8)}$${noise.slice(8, 30)}\n`)
  }
  return lines.join('')
}
