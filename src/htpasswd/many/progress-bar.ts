import { isatty } from 'node:tty'
import { stderr } from '../output.js'

const WIDTH = 30
/** Shorter work is over before anybody looks. */
const FEWEST = 64

/** On a terminal's standard error; elsewhere it does nothing. */
export function progressBar(total: number): { advance(by: number): void; end(): void } {
  if (total < FEWEST || !isatty(2)) return { advance() {}, end() {} }
  let done = 0
  let shown = -1
  return {
    advance(by) {
      done += by
      const filled = Math.floor((done / total) * WIDTH)
      if (filled === shown) return
      shown = filled
      stderr(`\r[${'#'.repeat(filled).padEnd(WIDTH)}] ${done} of ${total}`)
    },
    end: () => stderr('\r\x1b[K'),
  }
}
