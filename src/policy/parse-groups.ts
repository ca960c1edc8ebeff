import { isUtf8 } from 'node:buffer'

// Apache's group file, as AuthGroupFile names it: `group: user1 "user 2"`. The reading is that of httpd 2.4
// (modules/aaa/mod_authz_groupfile.c, ap_getword_conf and ap_cfg_getline), but for one thing: httpd stops reading at a
// line longer than 8 KB, and here every line counts.

/** The groups of each user, in the order of the file. */
export type Groups = ReadonlyMap<string, readonly string[]>

/** C's isspace, without the line feed that ends a line. */
const SPACE = ' \\t\\v\\f\\r'
const TRIM = new RegExp(`^[${SPACE}]+|[${SPACE}]+$`, 'g')
/** A word: quoted, or up to the next space. A quote that is never closed reaches to the end of the line. */
const WORD = new RegExp(
  `[${SPACE}]*(?:"((?:\\\\["\\\\]|[^"])*)"?|'((?:\\\\['\\\\]|[^'])*)'?|([^${SPACE}]+))`,
  'gy',
)

/** Reads the content of a group file. Names that are not UTF-8 belong to nobody and are left out. */
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

/** Lines, trimmed; one that ends in a backslash goes on in the next. */
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
