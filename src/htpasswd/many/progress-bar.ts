import { isatty } from 'node:tty'
import { stderr } from '../output.js'

const WIDEST = 30
/** Fewer items finish too soon for a bar. */
const FEWEST = 64

export interface ProgressBar {
  advance(by: number): void
  end(): void
}

/** Draws on standard error, within its width, if that is a terminal; does nothing otherwise. */
export function progressBar(total: number): ProgressBar {
  if (total < FEWEST || !isatty(2)) return { advance() {}, end() {} }
  let done = 0
  let shown = -1
  let drawn = ''
  return {
    advance(by) {
      done += by
      const step = Math.floor((done / total) * WIDEST)
      if (step === shown) return
      shown = step
      drawn = bar(done, total, process.stderr.columns || 80)
      stderr(`\r${drawn}`)
    },
    // Spaces erase it on every terminal, dumb ones included.
    end: () => stderr(`\r${' '.repeat(drawn.length)}\r`),
  }
}

/** A bar with a count, a count alone or nothing, whichever fits into fewer than `columns`. */
export function bar(done: number, total: number, columns: number): string {
  const count = `${done} of ${total}`
  const width = Math.min(WIDEST, columns - '[]  '.length - `${total} of ${total}`.length)
  if (width >= 5) return `[${'#'.repeat(Math.floor((done / total) * width)).padEnd(width)}] ${count}`
  return `${total} of ${total}`.length < columns ? count : ''
}
