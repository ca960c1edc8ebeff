/** Characters that a terminal obeys instead of showing, and those that end a line or reverse its direction. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

function escaped(character: string): string {
  const code = character.charCodeAt(0).toString(16)
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`
}

/** `text` in one line that does nothing to a terminal. */
export const printable = (text: string): string => text.replace(CONTROL, escaped)
