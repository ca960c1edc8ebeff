// Prints docs/options.md, generated from the option declarations. npm run docs writes the file.
import { OPTIONS } from '../dist/htgate/options/index.js'

const lines = [
  '# Options of htgate',
  '',
  '<!-- Made by scripts/options-page.js from src/htgate/options/. Do not edit. -->',
  '',
  'Each option is also an environment variable. Separate several values of a repeatable option by spaces. The command line',
  'takes precedence over the environment, and an empty variable counts as unset.',
]

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

let heading = ''
for (const { group, flags, argument, variable, help, choices, defaultText } of OPTIONS) {
  if (group !== heading)
    lines.push('', `## ${group}`, '', '| option | variable | what it does | default |', '|---|---|---|---|')
  heading = group
  const names = flags
    .split(', ')
    .map(
      (name, i, all) => `\`${name}${argument && i === all.length - 1 ? ` ${argument.toUpperCase()}` : ''}\``,
    )
  const values = choices === undefined ? '' : `: ${choices.map((choice) => `\`${choice}\``).join(', ')}`
  const cells = [
    names.join(', '),
    variable === undefined ? '' : `\`${variable}\``,
    cell(help) + values,
    cell(defaultText ?? ''),
  ]
  lines.push(`| ${cells.join(' | ')} |`)
}
process.stdout.write(`${lines.join('\n')}\n`)
