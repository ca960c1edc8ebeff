import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peer } from './peers.js'
import { OUR_HTPASSWD } from './run.js'

/** A PATH that starts with a new folder in `parent`, in which `htpasswd` is Apache's or ours. */
export function pathWithHtpasswd(whose: 'apache' | 'ours', parent: string): string {
  const bin = join(parent, 'bin')
  const command = join(bin, 'htpasswd')
  mkdirSync(bin)
  if (whose === 'apache') symlinkSync(peer('htpasswd') as string, command)
  else {
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${OUR_HTPASSWD}' "$@"\n`)
    chmodSync(command, 0o755)
  }
  return `${bin}:${process.env.PATH}`
}
