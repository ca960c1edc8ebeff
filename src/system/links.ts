import { readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { isErrno } from './errno.js'

/** As many as Linux follows. */
const MAX_LINKS = 40

/** Where `path` leads in the end, also where nothing is there yet. */
export function followLinks(path: string): string {
  let target = resolve(path)
  for (let links = 0; links < MAX_LINKS; links++) {
    try {
      return realpathSync(target)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
    target = join(realpathSync(dirname(target)), basename(target))
    try {
      target = resolve(dirname(target), readlinkSync(target))
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'EINVAL')) return target
      throw error
    }
  }
  throw Object.assign(new Error(`${path}: too many symbolic links`), { code: 'ELOOP' })
}
