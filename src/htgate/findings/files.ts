import { realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Finding } from '../../auth/provider.js'
import { quotePath } from '../../system/shell-quote.js'
import { isSelfOrRoot, ownUid, userName } from '../../system/users.js'
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

/** Warnings about a file's mode, owner and folder; none if it does not exist or the system has no such modes. */
export function permissionFindings({ path, isSecret }: Omit<UsedFile, 'flag'>): Finding[] {
  if (ownUid() === undefined) return []
  let file: Stats
  let folder: Stats
  let folderPath: string
  try {
    const real = realpathSync(path)
    folderPath = dirname(real)
    file = statSync(real)
    folder = statSync(folderPath)
  } catch {
    return []
  }
  const findings: Finding[] = []
  const warn = (text: string, hint: string) => findings.push({ state: 'warning', text, hint })
  const others = file.mode & (isSecret ? 0o006 : 0o002)
  if (others !== 0) {
    const may = others === 6 ? 'read and write' : others === 4 ? 'read' : 'write'
    const mode = (file.mode & 0o777).toString(8).padStart(3, '0')
    warn(
      `everyone on this machine can ${may} ${path} (mode ${mode})`,
      `chmod o-${isSecret ? 'rw' : 'w'} ${quotePath(path)}`,
    )
  }
  if (!isSelfOrRoot(file.uid)) {
    warn(
      `${path} belongs to ${userName(file.uid)}, who can change it`,
      `chown ${ownName()} ${quotePath(path)}`,
    )
  }
  if ((folder.mode & 0o1002) === 0o002) {
    warn(
      `everyone on this machine can replace ${path}: its folder is world-writable`,
      `chmod o-w ${quotePath(folderPath)}`,
    )
  } else if (!isSelfOrRoot(folder.uid) && folder.uid !== file.uid) {
    warn(
      `${userName(folder.uid)} can replace ${path}, as the owner of its folder`,
      `move it to a folder of ${ownName()} or root`,
    )
  }
  return findings
}

const ownName = (): string => userName(ownUid() as number)
