import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/** Our command, as an argument vector. */
export const HTPASSWD = [process.execPath, join(here, '../../bin/htpasswd.js')]

/** Runs `body` in a temporary folder, then deletes it. */
export async function inTemporaryFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), 'htgate-bench-'))
  try {
    process.chdir(folder)
    await body(folder)
  } finally {
    process.chdir('/')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Runs a command and returns its wall time in milliseconds. @throws if it fails */
export function time([command, ...args], options = {}) {
  const start = process.hrtime.bigint()
  const { status, stderr, error } = spawnSync(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...options,
  })
  const elapsed = Number(process.hrtime.bigint() - start) / 1e6
  if (error) throw error
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: status ${status}: ${stderr}`)
  return elapsed
}

/** Peak resident memory of a Node command, in bytes. */
export function peakMemory([node, ...args]) {
  const preload = join(here, 'peak-memory.cjs')
  const { output } = spawnSync(node, ['--require', preload, ...args], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  })
  return Number(output[3]) * 1024
}

/**
 * Times two commands in turn (A B A B …), so that changes in the machine's speed affect both equally.
 * @returns medians in milliseconds, and the median of the ratios of each pair
 */
export function paired(a, b, { runs, before = () => {} }) {
  const times = { a: [], b: [], ratio: [] }
  for (let run = -1; run < runs; run++) {
    before()
    const timeA = time(a)
    before()
    const timeB = time(b)
    if (run < 0) continue // warm-up
    times.a.push(timeA)
    times.b.push(timeB)
    times.ratio.push(timeA / timeB)
  }
  return { a: median(times.a), b: median(times.b), ratio: median(times.ratio) }
}

export function median(numbers) {
  const sorted = [...numbers].sort((x, y) => x - y)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Prints a table with aligned columns; the first row is its heading. */
export function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  for (const row of rows) {
    console.log(
      row
        .map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i])))
        .join('  '),
    )
  }
}

/** Exits if one of these programs is not on the PATH. */
export function requirePrograms(...programs) {
  const missing = programs.find((program) => !has(program))
  if (missing === undefined) return
  console.log(`skipped: ${missing} not found`)
  process.exit(0)
}

/** Whether a program is on the PATH. */
export function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}
