// Shell completions, from the same lists of options as the manual pages. Option values come from their choices, and
// htpasswd's users from the password file on the command line.

/** Splits `-f, --file` into `-f` and `--file`. */
const names = ({ flag }) => flag.split(', ')

/** A password file is an operand, not the value of an option. */
function takesValue({ argument }) {
  return argument !== undefined && !argument.endsWith('passwordfile')
}

/** Prints the user names in a file that a terminal can show unchanged. */
const USERS = `cut -d: -f1 -- "$1" 2>/dev/null | LC_ALL=C grep -v -e '^[[:space:]]*#' -e '[[:cntrl:]]' -e '^$'`
/** Long commands whose operands are all files. */
const FILES_ONLY = [
  '--import',
  '--remove',
  '--verify-all',
  '--list',
  '--audit',
  '--upgrade',
  '--repair',
  '--disable',
]

export function bash(commands) {
  const valuesOf = ({ options }) =>
    options
      .filter(({ choices }) => choices)
      .map(
        (option) => `    ${names(option).join('|')})
      mapfile -t COMPREPLY < <(compgen -W '${option.choices.join(' ')}' -- "$word")
      return ;;
`,
      )
      .join('')
  const users = `  local file
  for file in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $file in ${FILES_ONLY.join('|')}) break ;; esac
    if [[ $file != -* && -f $file ]]; then
      local user
      while IFS= read -r user; do
        [[ $user == "$word"* ]] && COMPREPLY+=("$user")
      done < <(_htpasswd_users "$file")
      return
    fi
  done
`
  const functions = commands.map(
    (command) => `_${command.name}() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  case \${COMP_WORDS[COMP_CWORD-1]} in
${valuesOf(command)}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${command.options.flatMap(names).join(' ')}' -- "$word")
    return
  fi
${command.name === 'htpasswd' ? users : ''}  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
complete -o filenames -F _${command.name} ${command.name}
`,
  )
  return [`_htpasswd_users() {\n  ${USERS}\n}\n`, ...functions].join('\n')
}

export function zsh(commands) {
  const quote = (text) => text.replace(/[[\]\\:]/g, '\\$&').replaceAll("'", "'\\''")
  const values = ({ choices }) => (choices ? `(${choices.join(' ')})` : '_files')
  const spec = (option) =>
    names(option).map(
      (name) => `'${name}[${quote(option.text)}]${takesValue(option) ? `:value:${values(option)}` : ''}'`,
    )
  const users = `_htpasswd_users() {
  ${USERS}
}
_htpasswd_operand() {
  local word
  local -a users
  for word in "\${(@Q)words[2,CURRENT-1]}"; do
    case $word in (${FILES_ONLY.join('|')}) break ;; esac
    if [[ $word != -* && -f $word ]]; then
      users=("\${(@f)$(_htpasswd_users "$word")}")
      compadd -a users
      return
    fi
  done
  _files
}
`
  const functions = commands.map(
    ({ name, options }) => `_${name}() {
  _arguments \\
${[...options.flatMap(spec), `'*:file:${name === 'htpasswd' ? '_htpasswd_operand' : '_files'}'`].map((line) => `    ${line}`).join(' \\\n')}
}
compdef _${name} ${name}
`,
  )
  return [users, ...functions].join('\n')
}

export function fish(commands) {
  const quote = (text) => `'${text.replace(/[\\']/g, '\\$&')}'`
  const value = (option) => {
    if (!takesValue(option)) return ''
    return option.choices ? ` -x -a ${quote(option.choices.join(' '))}` : ' -r'
  }
  const line = (name, option) => {
    const flags = names(option).map((flag) =>
      flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
    )
    return `complete -c ${name} ${flags.join(' ')}${value(option)} -d ${quote(option.text)}`
  }
  const users = `function __htpasswd_users
  set -l words (commandline -opc)
  for word in $words[2..-1]
    if contains -- $word ${FILES_ONLY.join(' ')}
      return 1
    end
    if not string match -q -- '-*' $word; and test -f $word
      ${USERS.replace('"$1"', '$word').replace('LC_ALL=C grep', 'env LC_ALL=C grep')}
      return 0
    end
  end
  return 1
end
complete -c htpasswd -n '__htpasswd_users >/dev/null' -f -a '(__htpasswd_users)'
`
  const lines = commands.map(({ name, options }) =>
    options.map((option) => `${line(name, option)}\n`).join(''),
  )
  return [users, ...lines].join('\n')
}
