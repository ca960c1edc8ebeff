import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe } from 'vitest'

// Peers are the programs that ours is compared with or works with: Apache's htpasswd, openssl, nginx and so on. Tests whose peers
// are missing are skipped and listed; with HTGATE_REQUIRE_PEERS=1, they fail.

const required = process.env.HTGATE_REQUIRE_PEERS === '1'

// Servers are in /usr/sbin, which is not in every PATH. Commands of npm packages, including ours, are not peers.
const folders = [
  ...(process.env.PATH ?? '').split(delimiter),
  '/usr/local/sbin',
  '/usr/sbin',
  '/sbin',
  '/usr/local/go/bin',
  // Debian has a folder for each version of PostgreSQL.
  ...foldersIn('/usr/lib/postgresql').map((version) => join(version, 'bin')),
  // Here scripts/install-peers.sh installs packages from PyPI.
  join(process.env.HTGATE_PEERS ?? '/opt/htgate-peers', 'bin'),
].filter((folder) => folder.startsWith('/') && !folder.includes('node_modules'))

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** The path of the program `name`; undefined if it is not installed. */
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

/** A `describe` that needs the peers; without them, it is skipped, and its title lists those that are missing. */
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

/** A `describe` that is skipped if anything is `missing` here: a program, or a privilege that not every machine grants. */
export function describeIf(missing: readonly string[], title: string, tests: () => void): void {
  if (missing.length === 0) describe(title, tests)
  else describe.skip(`${title} (skipped: no ${missing.join(', no ')})`, tests)
}
