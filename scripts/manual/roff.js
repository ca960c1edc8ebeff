/** Renders a page as man(7) source. */
export function roff({ name, section, summary, synopsis, sections }, version) {
  const lines = [
    `.TH ${name.toUpperCase()} ${section} "" "htgate ${version}" "htgate manual"`,
    '.SH NAME',
    `${literal(name)} \\- ${literal(summary)}`,
  ]
  if (synopsis) lines.push('.SH SYNOPSIS', '.nf', ...synopsis.map(literal), '.fi')
  for (const { title, paragraphs = [], options = [], examples = [] } of sections) {
    lines.push(`.SH ${literal(title.toUpperCase())}`)
    for (const text of paragraphs) lines.push('.PP', literal(text))
    for (const { flag, argument, text } of options) {
      lines.push(
        '.TP',
        `\\fB${literal(flag)}\\fR${argument ? ` \\fI${literal(argument)}\\fR` : ''}`,
        literal(text),
      )
    }
    for (const [text, command] of examples) {
      if (text) lines.push('.PP', literal(text))
      lines.push('.RS 4', '.nf', ...command.split('\n').map(literal), '.fi', '.RE')
    }
  }
  return `${lines.join('\n')}\n`
}

/** Escapes backslashes, hyphens (so that they can be copied), and points and quotes that would start a request. */
function literal(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('…', '\\&...')
    .replace(/^([.'])/gm, '\\&$1')
}
