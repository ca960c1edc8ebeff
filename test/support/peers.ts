import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe } from 'vitest'

// Peers are the programs that ours is measured against or works with: Apache's htpasswd, openssl, nginx and so on.
// A machine without one leaves its tests out, by name; HTGATE_REQUIRE_PEERS=1 makes that a failure.

const required = process.env.HTGATE_REQUIRE_PEERS === '1'

// Servers live in /usr/sbin, which is not in everybody's PATH. A package's commands, ours among them, are no peers.
const folders = [
  ...(process.env.PATH ?? '').split(delimiter),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/go/bin',
  // Debian keeps PostgreSQL's servers apart by version.
  ...foldersIn('/usr/lib/postgresql').map((version) => join(version, 'bin')),
  // Where scripts/install-peers.sh puts what comes from PyPI.
  join(process.env.HTGATE_PEERS ?? '/opt/htgate-peers', 'bin'),
].filter((folder) => folder.startsWith('/') && !folder.includes('node_modules'))

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** The path of the program `name`; undefined where it is not installed. */
export function peer(name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A `describe` that needs the peers; left out, naming those that are missing. */
export function describeWith(peers: readonly string[], title: string, tests: () => void): void {
  describeIf(lackingPeers(...peers), title, tests)
}

/** For `describeIf`. */
export function lackingPeers(...names: string[]): string[] {
  const missing = names.filter((name) => peer(name) === undefined)
  if (required && missing.length > 0) {
    throw new Error(`no ${missing.join(', no ')} here, and HTGATE_REQUIRE_PEERS=1 requires them`)
  }
  return missing
}

/** A `describe` for which `missing` lists what it lacks here: a program, or a right that not every machine gives. */
export function describeIf(missing: readonly string[], title: string, tests: () => void): void {
  if (missing.length === 0) describe(title, tests)
  else describe.skip(`${title} (left out: no ${missing.join(', no ')})`, tests)
}
