// Generates the manual pages and shell completions in dist/ from the option lists of --help.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { SHORT_OPTIONS, TASK_OPTIONS, TASKS } from '../dist/htpasswd/manual.js'
import { bash, fish, zsh } from './manual/completions.js'
import { page as htgate, OPTIONS } from './manual/htgate.js'
import { page as htpasswd } from './manual/htpasswd.js'
import { page as htpasswdFile } from './manual/htpasswd-file.js'
import { roff } from './manual/roff.js'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

mkdirSync('dist/man', { recursive: true })
for (const page of [htpasswd, htpasswdFile, htgate]) {
  writeFileSync(`dist/man/${page.name}.${page.section}`, roff(page, version))
}

const commands = [
  { name: 'htpasswd', options: [...SHORT_OPTIONS, ...TASKS, ...TASK_OPTIONS] },
  { name: 'htgate', options: OPTIONS },
]
mkdirSync('dist/completions', { recursive: true })
for (const [shell, make] of Object.entries({ bash, zsh, fish })) {
  writeFileSync(`dist/completions/${shell}`, make(commands))
}
