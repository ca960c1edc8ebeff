/** Characters that control a terminal, end a line or reverse its direction. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

function escaped(character: string): string {
  const code = character.charCodeAt(0).toString(16)
  return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`
}

/** Escapes `text` for one line on a terminal. */
export const printable = (text: string): string => text.replace(CONTROL, escaped)
