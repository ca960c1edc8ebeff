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

/** Options whose value is a file. */
const takesFile = ({ argument }) => argument === 'path' || argument === 'file'

/** Options whose value can be neither listed nor found. */
const takesText = (option) => takesValue(option) && !option.choices && !takesFile(option)

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
      .concat(`    ${options.filter(takesText).flatMap(names).join('|')}) return ;;\n`)
      .join('')
  // Words are as typed, with their quotes. eval would remove them, and run what a file name contains.
  const helpers = `_htpasswd_users() {
  ${USERS}
}
_htpasswd_unquoted() {
  local word=$1
  case $word in
    \\'*) word=\${word#?}; word=\${word%\\'} ;;
    \\"*) word=\${word#?}; word=\${word%\\"} ;;
    *\\\\*) word=$(sed 's/\\\\\\(.\\)/\\1/g' <<< "$word") ;;
  esac
  [[ $word == '~/'* ]] && word=$HOME/\${word:2}
  printf '%s' "$word"
}
`
  const users = `  local file i
  for ((i = 1; i < COMP_CWORD; i++)); do
    file=$(_htpasswd_unquoted "\${COMP_WORDS[i]}")
    case $file in ${FILES_ONLY.join('|')}) break ;; esac
    if [[ $file != -* && -f $file ]]; then
      # Only a password may follow the user.
      ((i < COMP_CWORD - 1)) && return
      local user
      word=$(_htpasswd_unquoted "$word")
      while IFS= read -r user; do
        [[ $user == "$word"* ]] && COMPREPLY+=("$user")
      done < <(_htpasswd_users "$file")
      return
    fi
  done
`
  const command = `  local i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ \${COMP_WORDS[i]} == -- ]] || continue
    local kind=-f
    ((i == COMP_CWORD - 1)) && kind=-c
    mapfile -t COMPREPLY < <(compgen "$kind" -- "$word")
    return
  done
  if [[ \${COMP_WORDS[1]} == token && $COMP_CWORD == 2 ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'create list revoke' -- "$word")
    return
  fi
`
  const functions = commands.map(
    ({ name, options }) => `_${name}() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  # --option=value is three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=\${COMP_WORDS[COMP_CWORD-2]}
  fi
${name === 'htgate' ? command : ''}  case $before in
${valuesOf({ options })}  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${options.flatMap(names).join(' ')}' -- "$word")
    return
  fi
${name === 'htpasswd' ? users : ''}  mapfile -t COMPREPLY < <(compgen -f -- "$word")
${name === 'htgate' ? '  [[ $COMP_CWORD == 1 && token == "$word"* ]] && COMPREPLY+=(token)\n' : ''}}
complete -o filenames -F _${name} ${name}
`,
  )
  return [helpers, ...functions].join('\n')
}

export function zsh(commands) {
  const quote = (text) => text.replace(/[[\]\\:]/g, '\\$&').replaceAll("'", "'\\''")
  // A space completes nothing.
  const values = (option) =>
    option.choices ? `(${option.choices.join(' ')})` : takesFile(option) ? '_files' : ' '
  const spec = (option) =>
    names(option).map(
      (name) => `'${name}[${quote(option.text)}]${takesValue(option) ? `:value:${values(option)}` : ''}'`,
    )
  const users = `_htpasswd_users() {
  ${USERS}
}
_htpasswd_operand() {
  local word i=0
  local -a users
  for word in "\${(@Q)words[2,CURRENT-1]}"; do
    case $word in (${FILES_ONLY.join('|')}) break ;; esac
    (( i++ ))
    word=\${word/#\\~\\//$HOME/}
    if [[ $word != -* && -f $word ]]; then
      # Only a password may follow the user.
      (( i < CURRENT - 2 )) && return 1
      users=("\${(@f)$(_htpasswd_users "$word")}")
      compadd -a users
      return
    fi
  done
  _files
}
`
  const command = `  local end=\${words[(i)--]}
  if (( end < CURRENT )); then
    shift $end words
    (( CURRENT -= end ))
    _normal
    return
  fi
  if [[ $CURRENT == 3 && $words[2] == token ]]; then
    compadd create list revoke
    return
  fi
`
  const functions = commands.map(
    ({ name, options }) => `_${name}() {
${name === 'htgate' ? command : ''}  _arguments \\
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
    if (option.choices) return ` -x -a ${quote(option.choices.join(' '))}`
    return takesFile(option) ? ' -r' : ' -x'
  }
  const line = (name, option) => {
    const flags = names(option).map((flag) =>
      flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
    )
    return `complete -c ${name} ${flags.join(' ')}${value(option)} -d ${quote(option.text)}`
  }
  const users = `function __htpasswd_users
  set -l words (commandline -opc)
  set -l i 0
  for word in $words[2..-1]
    if contains -- $word ${FILES_ONLY.join(' ')}
      return 1
    end
    set i (math $i + 1)
    if not string match -q -- '-*' $word; and test -f $word
      # Only a password may follow the user.
      test $i -lt (count $words[2..-1]); and return 1
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
