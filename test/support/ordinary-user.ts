import { spawnSync } from 'node:child_process'
import { OUR_HTPASSWD } from './run.js'

/** The uid of nobody, as most systems have it. */
const NOBODY = 65534

const amRoot = process.getuid?.() === 0

/**
 * Whom file permissions hold back: options for running a command as nobody where the tests run as root, who may read
 * and write everything. Undefined where nobody may not run this node, or not read our command.
 */
export const ordinaryUser: { readonly uid?: number } | undefined = !amRoot
  ? {}
  : canRead(OUR_HTPASSWD)
    ? { uid: NOBODY }
    : undefined

function canRead(path: string): boolean {
  const script = 'require("node:fs").accessSync(process.argv[1])'
  return spawnSync(process.execPath, ['-e', script, path], { uid: NOBODY, gid: NOBODY }).status === 0
}

/** For `describeIf`. */
export const lacksOrdinaryUser: string[] = ordinaryUser ? [] : ['ordinary user who may run htpasswd']
export const lacksRoot: string[] = amRoot ? [] : ['root']
