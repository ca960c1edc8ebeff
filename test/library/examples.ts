import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support/folder.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The code after each `@example` in a source's docstrings. */
export function docstringExamples(source: string): string[] {
  return [...source.matchAll(/^ *\* @example\n((?: *\* (?!@).*\n| *\*\n)+)/gm)].map(([, block = '']) =>
    block.replaceAll(/^ *\* ?/gm, '').trim(),
  )
}

/** Each block of JavaScript in a Markdown text, with its heading. */
export function markdownExamples(text: string): { heading: string; code: string }[] {
  let heading = ''
  const examples: { heading: string; code: string }[] = []
  for (const [, title, code] of text.matchAll(/^#+ ([^\n]*)$|^```js\n(.*?)^```$/gms)) {
    if (title !== undefined) heading = title
    if (code !== undefined) examples.push({ heading, code })
  }
  return examples
}

/**
 * A folder with this repository's built package and the frameworks installed, and a password file with one user, ann, whose
 * password is `secret`.
 */
export function projectFolder(): string {
  const folder = temporaryFolder()
  const link = (name: string, target: string) => {
    const path = join(folder, 'node_modules', name)
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(target, path)
  }
  link('htgate', ROOT)
  for (const name of ['express', 'fastify', 'hono', '@hono/node-server'])
    link(name, join(ROOT, 'node_modules', name))
  writeFileSync(join(folder, '.htpasswd'), 'ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n')
  return folder
}

/**
 * A script that runs the example and checks its comments: in `EXPRESSION // → VALUE`, the value is as Node prints it, and `…`
 * matches anything.
 */
export function checking(code: string): string {
  const checked = code
    .split('\n')
    .map((line) => {
      const [, indent, declared, expression, value] =
        /^( *)((?:const|let) \w+ = |if \(.*?\) )?(.*) \/\/ → (.*)$/.exec(line) ?? []
      if (value === undefined) return line
      return `${indent}${declared ?? ''}check(${expression}, ${JSON.stringify(value)})`
    })
    .join('\n')
  return `${CHECK}\n${checked}\n`
}

const CHECK = `
import { inspect } from 'node:util'
function check(value, expected) {
  const seen = inspect(value, { breakLength: Infinity })
  const parts = expected.split('…').map((part) => part.replace(/[.*+?^\${}()|[\\]\\\\]/g, '\\\\$&'))
  if (!new RegExp('^' + parts.join('.*') + '$', 's').test(seen)) throw new Error(seen + ' is not ' + expected)
  console.log('checked')
  return value
}`
