import fs from 'node:fs'
import { createRequire } from 'node:module'
import tty from 'node:tty'
import type { Result } from './run.js'

// The last build of our htpasswd, in this process: starting one takes ten times as long as most commands.

const { main } = createRequire(import.meta.url)('../../dist/htpasswd.cjs') as {
  main(args: readonly string[]): Promise<number>
}

interface Surroundings {
  readonly cwd: string
  /** Its standard input. Default: empty. */
  readonly input?: string | Buffer
}

/** Runs the command to its end with its own standard streams, which are not a terminal; one at a time. */
export async function htpasswdHere(
  args: readonly string[],
  { cwd, input = '' }: Surroundings,
): Promise<Result> {
  const written: Record<number, Buffer[]> = { 1: [], 2: [] }
  let rest = Buffer.from(input)
  const original = { writeSync: fs.writeSync, readSync: fs.readSync, isatty: tty.isatty }
  const [folder, title] = [process.cwd(), process.title]
  const writeSync = (fd: number, data: Buffer, ...others: never[]) => {
    if (!(fd in written)) return original.writeSync(fd, data, ...others)
    const part = data.subarray(others[0] ?? 0)
    written[fd]?.push(Buffer.from(part))
    return part.length
  }
  const readSync = (fd: number, into: Buffer, offset: number, length: number, position: number | null) => {
    if (fd !== 0) return original.readSync(fd, into, offset, length, position)
    const count = rest.copy(into, offset, 0, length)
    rest = rest.subarray(count)
    return count
  }
  try {
    process.chdir(cwd)
    Object.assign(fs, { writeSync, readSync })
    tty.isatty = () => false
    const status = await main(args)
    const [stdout, stderr] = [Buffer.concat(written[1] as Buffer[]), Buffer.concat(written[2] as Buffer[])]
    return { status, signal: null, stdout, stderr }
  } finally {
    Object.assign(fs, { writeSync: original.writeSync, readSync: original.readSync })
    tty.isatty = original.isatty
    process.chdir(folder)
    process.title = title
  }
}
