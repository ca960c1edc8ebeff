import { isUtf8 } from 'node:buffer'

// Apache's group file (AuthGroupFile): `group: user1 "user 2"`. Parsed as in httpd 2.4 (modules/aaa/mod_authz_groupfile.c,
// ap_getword_conf and ap_cfg_getline), with one exception: httpd stops at a line longer than 8 KB.

/** The groups of each user, in the order of the file. */
export type Groups = ReadonlyMap<string, readonly string[]>

/** C's isspace, except for the line feed that ends a line. */
const SPACE = ' \\t\\v\\f\\r'
const TRIM = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, 'g')
/** A word: quoted, or up to the next space. An unclosed quote extends to the end of the line. */
const WORD = new RegExp(
  `[${SPACE}]*(?:"((?:\\\\["\\\\]|[^"])*)"?|'((?:\\\\['\\\\]|[^'])*)'?|([^${SPACE}]+))`,
  'gy',
)

/** Parses a group file. Names that are not UTF-8 match no user and are skipped. */
export function parseGroups(content: Buffer): Groups {
  const groups = new Map<string, string[]>()
  for (const line of logicalLines(content.toString('latin1'))) {
    if (line === '' || line.startsWith('#')) continue
    const [, rawGroup = '', members = ''] = /^([^:]*)(?::+(.*))?$/.exec(line) ?? []
    const group = textOf(rawGroup.replace(TRIM, ''))
    if (group === undefined) continue
    for (const member of words(members)) {
      const user = textOf(member)
      if (user === undefined || user === '') continue
      const known = groups.get(user)
      if (known === undefined) groups.set(user, [group])
      else if (!known.includes(group)) known.push(group)
    }
  }
  return groups
}

/** Splits into trimmed lines; a backslash at the end of a line continues it. */
function logicalLines(text: string): string[] {
  return text
    .replace(/\\\r?\n/g, '')
    .split('\n')
    .map((line) => (line.split('\0')[0] as string).replace(TRIM, ''))
}

function words(text: string): string[] {
  const list: string[] = []
  for (const [, double, single, bare] of text.matchAll(WORD)) {
    if (double !== undefined) list.push(double.replace(/\\(["\\])/g, '$1'))
    else if (single !== undefined) list.push(single.replace(/\\(['\\])/g, '$1'))
    else list.push((bare as string).replace(/\\\\/g, '\\'))
  }
  return list
}

function textOf(latin1: string): string | undefined {
  const bytes = Buffer.from(latin1, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : undefined
}
