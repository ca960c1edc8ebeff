// Text for a terminal of `columns` columns, broken between words. A word that is longer has a line of its own.

/** Lines of which all but the first begin with `indent`, and all but the last end with `end`. */
function lines(text, columns, { indent = '', end = '' } = {}) {
  const [first, ...words] = text.split(' ')
  const done = []
  let line = first
  for (const [i, word] of words.entries()) {
    const isLast = i === words.length - 1
    if (line.length + 1 + word.length + (isLast ? 0 : end.length) > columns) {
      done.push(line + end)
      line = indent + word
    } else line += ` ${word}`
  }
  return [...done, line].join('\n')
}

/** Comment lines of a shell. */
export const wrapComment = (text, columns) => lines(`# ${text}`, columns, { indent: '# ' })

/** A command line, as a shell takes it. */
export const wrapCommand = (text, columns) => lines(text, columns, { indent: '    ', end: ' \\' })

/** Each line of a message; what is broken is indented. */
export const wrapMessage = (text, columns) =>
  text
    .split('\n')
    .map((line) => lines(line, columns, { indent: '  ' }))
    .join('\n')
