import { fstatSync, ftruncateSync, futimesSync } from 'node:fs'

// Node cannot tell whether a file has an ACL or extended attributes, and asking another program takes longer than the rest of
// an edit. So a file that was found to have none, and was written here, gets a mark in its timestamps:
//
// - Its modification time equals its change time (st_ctime), to the nanosecond. Only writing does that; setting an attribute, a
//   mode or an owner later changes only st_ctime.
// - Its access time is 2.5 seconds later, and ends in 777 microseconds. Writing does not change it, so a later write by another
//   program, which makes the times above equal again, is recognized by the distance.
//
// The mark is lost when the file is read a day later (relatime), or at once on file systems that keep times differently. The
// next edit then asks again.

const LATER_MS = 2_500
/**
 * Tolerance for the distance: the kernel's clock for files may be a tick behind. A write by another program within that time
 * after the mark cannot be recognized.
 */
export const TICK_MS = 20
const SIGN_US = 777

/** Marks the open file, which has no attributes except its mode and owner. */
export function markPlain(fd: number): void {
  const now = Date.now()
  futimesSync(fd, (now + LATER_MS) / 1000 + SIGN_US / 1e6, now / 1000)
  ftruncateSync(fd, fstatSync(fd).size)
}

/** Whether the open file is marked, and has been neither written nor given attributes since. */
export function isMarkedPlain(fd: number): boolean {
  if (process.platform === 'win32') return true
  const { mtimeNs, ctimeNs, atimeNs } = fstatSync(fd, { bigint: true })
  const later = Number(atimeNs - mtimeNs) / 1e6
  const sign = Number((atimeNs / 1000n) % 1000n)
  return mtimeNs === ctimeNs && Math.abs(later - LATER_MS) < TICK_MS && Math.abs(sign - SIGN_US) <= 1
}
