import { realpathSync, type Stats, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Finding } from '../../auth/provider.js'
import { quotePath } from '../../system/shell-quote.js'
import { groupName, isSelfOrRoot, ownUid, userName } from '../../system/users.js'
import { flagOf } from '../options/declaration.js'
import type { Settings } from '../options/index.js'

// Finds files that decide who can log in, and that other users of this machine can read or change.

/** Files with secrets, including password files, whose hashes can be cracked. Token files hold hashes of 256 random bits. */
const SECRETS = [
  'file',
  'ldapBindPasswordFile',
  'oidcClientSecretFile',
  'sessionSecretFile',
  'tlsKey',
] as const satisfies readonly (keyof Settings)[]

/** Files that other users must not change, but may read. */
const OTHERS = [
  'groupFile',
  'tokenFile',
  'tlsCert',
  'clientCa',
  'clientCrl',
  'ldapCa',
  'oidcCa',
  'upstreamCa',
] as const satisfies readonly (keyof Settings)[]

export interface UsedFile {
  /** `--file` */
  readonly flag: string
  readonly path: string
  readonly isSecret: boolean
}

/** All files that the settings name. */
export function usedFiles(settings: Settings): UsedFile[] {
  const files = (keys: readonly (keyof Settings)[], isSecret: boolean) =>
    keys.flatMap((key) => {
      const path = settings[key] as string | undefined
      return path === undefined ? [] : [{ flag: flagOf(key), path, isSecret }]
    })
  return [...files(SECRETS, true), ...files(OTHERS, false)]
}

/** Warnings about a file's mode, owner and folders; none if it does not exist or the system has no such modes. */
export function permissionFindings({ path, isSecret }: Omit<UsedFile, 'flag'>): Finding[] {
  if (ownUid() === undefined) return []
  let file: Stats
  let folder: Stats
  let real: string
  let open: string | undefined
  try {
    real = realpathSync(path)
    file = statSync(real)
    folder = statSync(dirname(real))
    // Also those of a link that leads to the file.
    const folders = [...foldersOf(real), ...foldersOf(resolve(path))]
    open = folders.find((each) => (statSync(each).mode & 0o1002) === 0o002)
  } catch {
    return []
  }
  const findings: Finding[] = []
  const warn = (text: string, hint: string) => findings.push({ state: 'warning', text, hint })
  const others = file.mode & (isSecret ? 0o006 : 0o002)
  if (others !== 0) {
    const may = others === 6 ? 'read and write' : others === 4 ? 'read' : 'write'
    warn(
      `everyone on this machine can ${may} ${path} (mode ${modeText(file)})`,
      `chmod o-${isSecret ? 'rw' : 'w'} ${quotePath(path)}`,
    )
  }
  // This process's own group is often its user's alone.
  if ((file.mode & 0o020) !== 0 && file.gid !== process.getegid?.() && file.gid !== 0) {
    warn(
      `the group ${groupName(file.gid)} can write ${path} (mode ${modeText(file)})`,
      `chmod g-w ${quotePath(path)}`,
    )
  }
  if (!isSelfOrRoot(file.uid)) {
    warn(
      `${path} belongs to ${userName(file.uid)}, who can change it`,
      `chown ${ownName()} ${quotePath(path)}`,
    )
  }
  if (open !== undefined) {
    const which = open === dirname(real) ? 'its folder' : `the folder ${open}`
    warn(
      `everyone on this machine can replace ${path}: ${which} is world-writable`,
      `chmod o-w ${quotePath(open)}`,
    )
  } else if (!isSelfOrRoot(folder.uid) && folder.uid !== file.uid) {
    warn(
      `${userName(folder.uid)} can replace ${path}, as the owner of its folder`,
      `move it to a folder of ${ownName()} or root`,
    )
  }
  return findings
}

const modeText = ({ mode }: Stats): string => (mode & 0o777).toString(8).padStart(3, '0')

/** All folders on the way to an absolute path, nearest first. */
function foldersOf(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...foldersOf(folder)]
}

const ownName = (): string => userName(ownUid() as number)
