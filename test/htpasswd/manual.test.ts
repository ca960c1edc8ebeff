import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { OPTIONS as DECLARED } from '../../src/htgate/options/index.js'
import { helpText } from '../../src/htpasswd/help.js'
import { SHORT_OPTIONS, TASK_OPTIONS, TASKS } from '../../src/htpasswd/manual.js'
import { temporaryFolder } from '../support/folder.js'
import { describeWith, peer } from '../support/peers.js'
import { htpasswd, run } from '../support/run.js'

const OPTIONS = [...SHORT_OPTIONS, ...TASKS, ...TASK_OPTIONS]
const HTGATE_OPTIONS = DECLARED.map(({ flag }) => flag)

/** The completions for a shell, in a file. */
async function completions(shell: string): Promise<string> {
  const { status, stdout } = await htpasswd(['--completion', shell])
  expect(status).toBe(0)
  const file = join(temporaryFolder(), shell)
  writeFileSync(file, stdout)
  return file
}

describe('the long options have one source', () => {
  test('--help lists all of them', async () => {
    const { stdout } = await htpasswd(['--help'])
    for (const { flag, text } of [...TASKS, ...TASK_OPTIONS]) {
      expect(stdout.toString()).toContain(flag)
      expect(stdout.toString()).toContain(text)
    }
  })

  test.each([40, 60, 80])('--help wraps them on a terminal of %d columns', (columns) => {
    const [, own = ''] = helpText(columns).split('does not have:')
    expect(own.split('\n').filter((line) => line.length > columns)).toEqual([])
    expect(own.replaceAll(/\s+/g, ' ')).toBe(
      helpText(1000).split('does not have:')[1]?.replaceAll(/\s+/g, ' '),
    )
  })

  test('the completions of every shell have all options of both commands', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const text = readFileSync(await completions(shell), 'utf8')
      for (const flag of [...OPTIONS.map(({ flag }) => flag), ...HTGATE_OPTIONS]) {
        expect(text).toContain(
          shell === 'fish' ? ` ${flag.replace(/^--/, '-l ').replace(/^-(?=\w$)/, '-s ')}` : flag,
        )
      }
    }
  })

  test('an unknown shell is an error that lists the known ones', async () => {
    const { status, stderr } = await htpasswd(['--completion', 'tcsh'])
    expect(status).toBe(2)
    expect(stderr.toString()).toContain('Allowed choices are bash, zsh, fish')
  })
})

describeWith(['man'], 'man', () => {
  test.each([
    ['htpasswd.1', ...OPTIONS.map(({ flag }) => flag)],
    ['htgate.1', ...HTGATE_OPTIONS],
    ['htpasswd.5', 'bcrypt', 'sha512-crypt', '{SSHA}', '{PLAIN}'],
  ])('shows %s without a warning', async (page, ...words) => {
    const { status, stdout, stderr } = await run(
      peer('man') as string,
      ['--warnings', '-l', `dist/man/${page}`],
      {
        env: { MANWIDTH: '200', LC_ALL: 'C.UTF-8', MAN_KEEP_FORMATTING: '' },
      },
    )
    expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' })
    const text = stdout.toString().replaceAll(/.\x08/g, '')
    for (const word of words) expect(text).toContain(word)
  })
})

describeWith(['bash'], 'bash', () => {
  test('completes an option', async () => {
    const script = `source ${await completions('bash')}; COMP_WORDS=(htpasswd --im) COMP_CWORD=1; _htpasswd; echo "\${COMPREPLY[@]}"`
    const { stdout } = await run(peer('bash') as string, ['-c', script])
    expect(stdout.toString()).toBe('--import\n')
  })

  test('completes a file', async () => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'my users'), '')
    const script = `source ${await completions('bash')}; COMP_WORDS=(htgate my) COMP_CWORD=1; _htgate; echo "\${COMPREPLY[@]}"`
    const { stdout } = await run(peer('bash') as string, ['-c', script], { cwd })
    expect(stdout.toString()).toBe('my users\n')
  })

  const complete = async (words: string[], index: number, name = 'htpasswd') => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'my users'), 'alice:x\n# alex:x\nal b:x\nalf\u001b:x\nbob:x\n$(touch run):x\n')
    const quoted = words.map((word) => `'${word}'`).join(' ')
    const script = `source ${await completions('bash')}; COMP_WORDS=(${name} ${quoted}) COMP_CWORD=${index}; _${name}; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { stdout } = await run(peer('bash') as string, ['-c', script], { cwd })
    expect(existsSync(join(cwd, 'run'))).toBe(false)
    return stdout.toString().trimEnd().split('\n')
  }

  test('completes values', async () => {
    expect(await complete(['--audit', '--minimum', 'sha'], 3)).toEqual([
      'sha512-crypt',
      'sha256-crypt',
      'sha1',
    ])
    expect(await complete(['--completion', ''], 2)).toEqual(['bash', 'zsh', 'fish'])
    expect(await complete(['--log', 'j'], 2, 'htgate')).toEqual(['json'])
  })

  test('completes users of the password file, and files after a long command', async () => {
    expect(await complete(['-D', 'my users', 'al'], 3)).toEqual(['alice', 'al b'])
    expect(await complete(['--import', 'my users', 'my'], 3)).toEqual(['my users'])
  })

  test.each(['my\\ users', "'my users'", '"my users"'])(
    'completes users of the file typed as %s',
    async (typed) => {
      expect(await complete(['-D', typed.replaceAll("'", `'\\''`), 'al'], 3)).toEqual(['alice', 'al b'])
    },
  )

  test('shows a user name that looks like a command, and does not run it', async () => {
    expect(await complete(['-D', 'my users', '$('], 3)).toEqual(['$(touch run)'])
  })

  test('completes neither a password nor a number', async () => {
    expect(await complete(['-vb', 'my users', 'alice', ''], 4)).toEqual([''])
    expect(await complete(['-C', 'm'], 2)).toEqual([''])
    expect(await complete(['--listen', 'm'], 2, 'htgate')).toEqual([''])
  })

  test('completes the value after =, which is a separate word', async () => {
    expect(await complete(['--log', '=', 'j'], 3, 'htgate')).toEqual(['json'])
  })

  test('completes the command after --, then its arguments', async () => {
    expect(await complete(['--file', 'f', '--', 'chmo'], 4, 'htgate')).toContain('chmod')
    expect(await complete(['--', 'chmod', 'my'], 3, 'htgate')).toEqual(['my users'])
  })

  test('completes htgate token', async () => {
    expect(await complete(['tok'], 1, 'htgate')).toEqual(['token'])
    expect(await complete(['token', ''], 2, 'htgate')).toEqual(['create', 'list', 'revoke'])
  })
})

describeWith(['zsh'], 'zsh', () => {
  test('accepts its completions', async () => {
    const script = `autoload -Uz compinit; compinit -u -d ${temporaryFolder()}/dump; source ${await completions('zsh')}; print -r -- $_comps[htpasswd] $_comps[htgate]`
    const { stdout, stderr } = await run(peer('zsh') as string, ['-f', '-c', script])
    expect({ stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
      stdout: '_htpasswd _htgate\n',
      stderr: '',
    })
  })
})

describeWith(['fish'], 'fish', () => {
  test('completes an option with its description', async () => {
    const script = `source ${await completions('fish')}; complete -C 'htpasswd --im'`
    const { stdout } = await run(peer('fish') as string, ['--no-config', '-c', script], {
      env: { HOME: temporaryFolder() },
    })
    expect(stdout.toString()).toMatch(/^--import\tAdd or update users/)
  })

  test('completes values and users of the password file', async () => {
    const cwd = temporaryFolder()
    writeFileSync(join(cwd, 'users'), 'alice:x\n# alex:x\nbob:x\n')
    const complete = async (line: string) => {
      const script = `source ${await completions('fish')}; complete -C '${line}'`
      const { stdout } = await run(peer('fish') as string, ['--no-config', '-c', script], {
        cwd,
        env: { HOME: cwd },
      })
      return stdout.toString().trimEnd().replace(/\t.*/g, '').split('\n')
    }
    expect(await complete('htpasswd --audit --minimum sha')).toEqual(
      expect.arrayContaining(['sha1', 'sha256-crypt', 'sha512-crypt']),
    )
    expect(await complete('htpasswd -D users al')).toEqual(['alice'])
    expect(await complete('htpasswd -vb users alice al')).toEqual([''])
  })
})
