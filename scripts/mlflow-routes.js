// Regenerates src/policy/mlflow-routes.ts from installed MLflow servers:
//
//   node scripts/mlflow-routes.js PYTHON...    each PYTHON belongs to an environment with mlflow[auth]
//
// The access of known routes is kept. A new route gets the access that MLflow's own basic-auth app requires, with a note to
// check it, and the exit status is 1.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const TABLE = fileURLToPath(new URL('../src/policy/mlflow-routes.ts', import.meta.url))
const LISTER = fileURLToPath(new URL('mlflow-routes.py', import.meta.url))

const pythons = process.argv.slice(2)
if (pythons.length === 0) {
  console.error('usage: node scripts/mlflow-routes.js PYTHON...')
  process.exit(2)
}

const source = readFileSync(TABLE, 'utf8')
const [head, table, tail] = source.split('`')
const known = new Map(
  table
    .trim()
    .split('\n')
    .map((line) => /^(\S+)\s+(\S+)\s+(.*)$/.exec(line))
    .map(([, method, path, rest]) => [`${method} ${path}`, rest]),
)

const found = new Map()
for (const python of pythons) {
  const list = execFileSync(python, [LISTER], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  for (const line of list.trim().split('\n')) {
    const [method, path, validator] = line.split(' ')
    const route = `${method} ${canonical(path)}`
    found.set(route, known.get(route) ?? found.get(route) ?? suggestion(validator))
  }
}

const added = [...found.keys()].filter((route) => !known.has(route))
const gone = [...known.keys()].filter((route) => !found.has(route))
for (const route of added) console.log(`new: ${route} ${found.get(route)}`)
for (const route of gone) console.log(`gone: ${route}`)

const lines = [...found].map(([route, rest]) => [...route.split(' '), rest])
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0)
lines.sort(([m1, p1], [m2, p2]) => compare(p1, p2) || compare(m1, m2))
const text = lines.map(([method, path, rest]) => `${method.padEnd(6)} ${path} ${rest}`).join('\n')
writeFileSync(TABLE, [head, `\n${text}\n`, tail].join('`'))
process.exit(added.length > 0 ? 1 : 0)

/** Spells routes of Flask and FastAPI as in the table, with /api for both prefixes. */
function canonical(path) {
  return path
    .replace(/^\/ajax-api\//, '/api/')
    .replace(/\{(\w+):path\}/g, '<path:$1>')
    .replace(/\{(\w+)\}/g, '<$1>')
}

/** Suggests an access from the name of the function with which MLflow's basic-auth app decides. */
function suggestion(validator) {
  const access =
    validator === '-' || /admin|manage_roles|user_admin/.test(validator)
      ? 'admin'
      : /_(?:read|view|search|list|get|query|batch_get)_/.test(validator)
        ? 'read'
        : 'write'
  return `${access} # new, to be checked: ${validator}`
}
