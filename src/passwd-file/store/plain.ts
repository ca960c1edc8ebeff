import { fstatSync, ftruncateSync, futimesSync } from 'node:fs'

// Whether a file has an ACL or extended attributes, Node cannot tell, and to ask another program takes longer than all
// the rest of an edit. So a file that was found to have none, and was written here, gets a mark in its times:
//
// - Its time of modification is that of its last change (st_ctime), to the nanosecond. Nothing but writing does that;
//   setting an attribute, a mode or an owner later changes st_ctime alone.
// - Its time of access is 2.5 seconds later, and ends in 777 microseconds. Writing leaves that alone, so a later write by
//   another program, which makes the times above equal again, is told by the distance.
//
// The mark is gone when the file is read a day later (relatime), or at once on file systems that keep times differently.
// Then it is asked again.

const LATER_MS = 2_500
/**
 * The kernel's clock for files may be a tick behind; not more than a tick may pass between the two times. Nor is a write
 * by another program so soon after the mark told from it.
 */
export const TICK_MS = 20
const SIGN_US = 777

/** Marks the open file, which has no attributes beside its mode and owner. */
export function markPlain(fd: number): void {
  const now = Date.now()
  futimesSync(fd, (now + LATER_MS) / 1000 + SIGN_US / 1e6, now / 1000)
  ftruncateSync(fd, fstatSync(fd).size)
}

/** Whether the open file has been marked, and neither written nor given attributes since. */
export function isMarkedPlain(fd: number): boolean {
  if (process.platform === 'win32') return true
  const { mtimeNs, ctimeNs, atimeNs } = fstatSync(fd, { bigint: true })
  const later = Number(atimeNs - mtimeNs) / 1e6
  const sign = Number((atimeNs / 1000n) % 1000n)
  return mtimeNs === ctimeNs && Math.abs(later - LATER_MS) < TICK_MS && Math.abs(sign - SIGN_US) <= 1
}
