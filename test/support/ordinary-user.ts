import { spawnSync } from 'node:child_process'

/** The uid of nobody, as most systems have it. */
const NOBODY = 65534

const amRoot = process.getuid?.() === 0

/**
 * Whom file permissions hold back: options for running a command as nobody where the tests run as root, who may read
 * and write everything. Undefined where nobody may not run this node.
 */
export const ordinaryUser: { readonly uid?: number } | undefined = !amRoot
  ? {}
  : spawnSync(process.execPath, ['-v'], { uid: NOBODY, gid: NOBODY }).status === 0
    ? { uid: NOBODY }
    : undefined

/** For `describeIf`. */
export const lacksOrdinaryUser: string[] = ordinaryUser ? [] : ['ordinary user who may run node']
export const lacksRoot: string[] = amRoot ? [] : ['root']
