// Distinguished names as text (RFC 4514).

/** Escapes a value for a DN, so that it can neither end its RDN nor start another. */
export function escapeDnValue(value: string): string {
  return value
    .replace(/[\\"+,;<=>]|^[ #]| $/g, '\\$&')
    .replace(/[\0-\x1f\x7f]/g, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** The `cn` in the first RDN of a DN; undefined if the RDN uses another attribute. */
export function commonNameOf(dn: string): string | undefined {
  const rdn = firstRdn(dn)
  for (const part of splitUnescaped(rdn, '+')) {
    const equals = part.indexOf('=')
    if (equals > 0 && /^ *(?:cn|commonName|2\.5\.4\.3|oid\.2\.5\.4\.3) *$/i.test(part.slice(0, equals))) {
      return unescapeValue(part.slice(equals + 1))
    }
  }
  return undefined
}

/** Whether two DNs are equal, ignoring case and spaces around separators. */
export function isSameDn(a: string, b: string): boolean {
  return normalizeDn(a) === normalizeDn(b)
}

function normalizeDn(dn: string): string {
  return splitUnescaped(dn, ',')
    .map((rdn) => {
      const parts = splitUnescaped(rdn, '+').map((part) => {
        const equals = part.indexOf('=')
        const value = unescapeValue(part.slice(equals + 1)) ?? part
        return `${part.slice(0, equals).replace(/^ +| +$/g, '')}=${escapeDnValue(value)}`.toLowerCase()
      })
      return parts.sort().join('+')
    })
    .join(',')
}

const firstRdn = (dn: string): string => splitUnescaped(dn, ',')[0] ?? ''

function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '"') quoted = !quoted
    else if (text[i] === separator && !quoted) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}

/** Unescapes a value; undefined if it is not text but `#` and hexadecimal BER. */
function unescapeValue(written: string): string | undefined {
  // Only spaces are optional there; other white space is part of the value.
  let text = written.replace(/^ +/, '')
  if (text.startsWith('#')) return undefined
  // A trailing space is part of the value if it is escaped, by an odd number of backslashes.
  const trailing = /(\\*)( *)$/.exec(text)
  if (trailing !== null) {
    const [, backslashes = '', spaces = ''] = trailing
    text = text.slice(0, text.length - spaces.length) + (backslashes.length % 2 === 1 && spaces ? ' ' : '')
  }
  if (/^".*"$/s.test(text)) text = text.slice(1, -1)
  const bytes: Buffer[] = []
  for (let i = 0; i < text.length; i++) {
    const hex = text[i] === '\\' ? /^[0-9a-f]{2}/i.exec(text.slice(i + 1, i + 3)) : null
    if (hex !== null) {
      bytes.push(Buffer.from(hex[0], 'hex'))
      i += 2
      continue
    }
    if (text[i] === '\\') i++
    const character = String.fromCodePoint(text.codePointAt(i) ?? 0xfffd)
    i += character.length - 1
    bytes.push(Buffer.from(character))
  }
  return Buffer.concat(bytes).toString()
}
