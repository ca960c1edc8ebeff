import { readFileSync } from 'node:fs'

/**
 * The bytes of the last arguments. Node decodes arguments as UTF-8 and loses other bytes; /proc on Linux still has them.
 */
export function rawArguments(last: string[]): Buffer[] {
  if (!last.some((arg) => arg.includes('\ufffd'))) return last.map((arg) => Buffer.from(arg))
  try {
    const all = splitAt0(readFileSync('/proc/self/cmdline'))
    return all.slice(all.length - last.length)
  } catch {
    return last.map((arg) => Buffer.from(arg))
  }
}

/** Hides the password of -b from ps(1). */
export function hideArguments(): void {
  process.title = 'htpasswd'
}

function splitAt0(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let start = 0, end: number; start < bytes.length; start = end + 1) {
    end = bytes.indexOf(0, start)
    if (end === -1) end = bytes.length
    parts.push(bytes.subarray(start, end))
  }
  return parts
}
