import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** htgate 0.1, before it had its own HTTP implementation. */
const COMMIT = '0cbbc78'
const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * The path of htgate 0.1's command: built from its commit, packed and installed as users would. That takes a minute; the
 * result is kept in the temporary folder.
 * @returns undefined if the repository does not have that commit
 */
export function firstRelease() {
  const kept = join(tmpdir(), `htgate-${COMMIT}`)
  const command = join(kept, 'node_modules/htgate/bin/htgate.js')
  if (existsSync(command)) return command
  const run = (cwd, file, ...args) => execFileSync(file, args, { cwd, stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    run(REPOSITORY, 'git', 'cat-file', '-e', COMMIT)
  } catch {
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'htgate-build-'))
  const source = join(folder, 'source')
  const installed = join(folder, 'installed')
  mkdirSync(source)
  mkdirSync(installed)
  const archive = join(folder, 'source.tar')
  run(REPOSITORY, 'git', 'archive', '-o', archive, COMMIT)
  run(source, 'tar', 'xf', archive)
  run(source, 'npm', 'ci', '--no-audit', '--no-fund')
  const [{ filename }] = JSON.parse(run(source, 'npm', 'pack', '--json', '--pack-destination', folder))
  run(installed, 'npm', 'install', '--no-audit', '--no-fund', '--prefix', installed, join(folder, filename))
  rmSync(kept, { recursive: true, force: true })
  renameSync(installed, kept)
  rmSync(folder, { recursive: true, force: true })
  return command
}

/** htgate 0.1 as a library; undefined if the repository does not have its commit. */
export async function firstLibrary() {
  const command = firstRelease()
  return command && import(pathToFileURL(join(dirname(command), '../dist/index.js')).href)
}
