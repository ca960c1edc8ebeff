import { spawnSync } from 'node:child_process'
import { OUR_HTPASSWD } from './run.js'

/** The uid of nobody on most systems. */
const NOBODY = 65534

const amRoot = process.getuid?.() === 0

/**
 * A user to whom file permissions apply: options that run a command as nobody if the tests run as root, whom permissions do not
 * restrict. Undefined if nobody cannot run this node or read our command.
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
