// Wraps text for a terminal with `columns` columns, between words. A longer word gets a line to itself.

/** Lines: all but the first start with `indent`, and all but the last end with `end`. */
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

/** Shell comments. */
export const wrapComment = (text, columns) => lines(`# ${text}`, columns, { indent: '# ' })

/** A command line with continuation lines. */
export const wrapCommand = (text, columns) => lines(text, columns, { indent: '    ', end: ' \\' })

/** Wraps each line of a message; continuation lines are indented. */
export const wrapMessage = (text, columns) =>
  text
    .split('\n')
    .map((line) => lines(line, columns, { indent: '  ' }))
    .join('\n')
