// A file for each row of the second table in docs/interop.md, in which `u` has the password `secret`.

const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='
const BCRYPT = '$2y$05$CCCCCCCCCCCCCCCCCCCCC.pIKrLVkBX9/OvQMSygY1pWEVn72t6na'
const MD5 = '5ebe2294ecd0e0f08eab7690d2a6ee69'

export interface Unusual {
  readonly content: string | Buffer
  /** The user. Default: `u`. */
  readonly user?: string
}

export const UNUSUAL: Readonly<Record<string, Unusual>> = {
  'white space before the record': { content: `\t u:${BCRYPT}\n` },
  'white space after the name': { content: `u :${BCRYPT}\n` },
  'white space before the hash': { content: `u: ${BCRYPT}\n` },
  'white space after the hash': { content: `u:${BCRYPT} \t\n` },
  'CRLF line endings': { content: `a:x\r\nu:${BCRYPT}\r\n` },
  'CR line endings': { content: `a:${BCRYPT}\ru:${BCRYPT}\r` },
  'no newline at the end': { content: `u:${BCRYPT}` },
  'a field after the hash, as verdaccio writes': {
    content: `u:${BCRYPT}:autocreated 2018-01-01T00:00:00.000Z\n`,
  },
  'white space and a field after the hash': { content: `u:${BCRYPT} :field\n` },
  'the hash in quotes': { content: `u:"${BCRYPT}"\n` },
  'the name in quotes': { content: `'u':${BCRYPT}\n` },
  'the record in quotes': { content: `"u:${BCRYPT}"\n` },
  '`$$` for `$`, as docker compose needs': { content: `u:${BCRYPT.replaceAll('$', '$$$$')}\n` },
  'a hash that a shell expanded `$…` in': { content: `u:y0.pIKrLVkBX9/OvQMSygY1pWEVn72t6na\n` },
  'byte-order mark, user on the first line': { content: `\ufeffu:${BCRYPT}\n` },
  'byte-order mark, user on another line': { content: `\ufeffa:${BCRYPT}\nu:${BCRYPT}\n` },
  "UTF-16, as PowerShell's `>` writes": { content: Buffer.from(`\ufeffu:${BCRYPT}\r\n`, 'utf16le') },
  'a comment line, a blank line above': { content: `# staff\n\n # u:x\nu:${BCRYPT}\n` },
  'a line without a colon above': { content: `staff\nu:${BCRYPT}\n` },
  'a second, different record of the user below': { content: `u:${BCRYPT}\nu:${SHA.replace('5', '6')}\n` },
  'an empty name': { content: `:${BCRYPT}\n`, user: '' },
  'a line of 9,000 bytes above': { content: `# ${'x'.repeat(9000)}\nu:${BCRYPT}\n` },
  'a backslash at the end of the line above': { content: `# C:\\\nu:${BCRYPT}\n` },
  'NUL after the hash': { content: `u:${BCRYPT}\0\n` },
  'MD5 in hexadecimal': { content: `u:${MD5}\n` },
  'a line of an htdigest file': { content: `u:realm:${MD5}\n` },
  'an LDAP hash (`{SSHA512}`)': { content: `u:{SSHA512}${'x'.repeat(96)}\n` },
  Argon2: {
    content: 'u:$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo\n',
  },
  'a locked account (`!` or `*`)': { content: `u:!${BCRYPT}\n` },
}
