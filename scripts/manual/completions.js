// Completions for the shells, from the same lists of options as the manual pages.

/** `--file` and `-f` of `-f, --file`. */
const names = ({ flag }) => flag.split(', ')

export function bash(commands) {
  return commands
    .map(
      ({ name, options }) => `_${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${options.flatMap(names).join(' ')}' -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -o filenames -F _${name} ${name}
`,
    )
    .join('\n')
}

export function zsh(commands) {
  const quote = (text) => text.replace(/[[\]\\]/g, '\\$&').replaceAll("'", "'\\''")
  const spec = (option) =>
    names(option).map(
      (name) => `  '${name}[${quote(option.text)}]${takesValue(option) ? ':value:_files' : ''}'`,
    )
  return commands
    .map(
      ({ name, options }) => `_${name}() {
  _arguments \\
${[...options.flatMap(spec), "  '*:file:_files'"].map((line) => `  ${line}`).join(' \\\n')}
}
compdef _${name} ${name}
`,
    )
    .join('\n')
}

export function fish(commands) {
  const quote = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`
  const line = (name, option) => {
    const flags = names(option).map((flag) =>
      flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
    )
    return `complete -c ${name} ${flags.join(' ')}${takesValue(option) ? ' -r' : ''} -d ${quote(option.text)}`
  }
  return commands
    .map(({ name, options }) => options.map((option) => `${line(name, option)}\n`).join(''))
    .join('\n')
}

/** A password file is an operand, not the value of a task. */
function takesValue({ argument }) {
  return argument !== undefined && !argument.endsWith('passwordfile')
}
