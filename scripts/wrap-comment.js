/** Text as comment lines of a shell, broken between words so that each fits into `columns`. */
export function wrapComment(text, columns) {
  const lines = ['#']
  for (const word of text.split(' ')) {
    if (lines.at(-1).length + 1 + word.length > columns && lines.at(-1) !== '#') lines.push('#')
    lines.push(`${lines.pop()} ${word}`)
  }
  return lines.join('\n')
}
