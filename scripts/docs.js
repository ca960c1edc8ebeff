// npm run docs: writes the pages and tables in docs/ that are generated from the code.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { schemes } from '../dist/schemes/index.js'
import { count, flagOf, rangeOf } from './manual/htpasswd-file.js'

const FILE = 'docs/schemes.md'

const rows = schemes.map((scheme) => {
  const { name, format, strength, work, maxPasswordBytes } = scheme
  return [
    name,
    format.replace(/[^ ]*[${][^ ,;:]*/g, '`$&`'),
    flagOf(scheme) ? `\`${flagOf(scheme)}\`` : scheme.hash ? 'library' : 'verified only',
    strength,
    work ? `${work.name} ${rangeOf(work)}` : '',
    work ? `${count(work.default)}; ${count(work.recommended)} or more` : '',
    maxPasswordBytes ? `${maxPasswordBytes}` : 'all',
  ]
})
const head = [
  'scheme',
  'stored hash',
  'written by',
  'strength',
  'work factor',
  "Apache's default; recommended",
  'bytes that count',
]
const table = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

const text = readFileSync(FILE, 'utf8')
writeFileSync(
  FILE,
  text.replace(/^\| scheme \|.*?(?=\n\n)/ms, () => table),
)

writeFileSync('docs/options.md', execFileSync(process.execPath, ['scripts/options-page.js']))
