// Removes what nothing loads from dist/: modules that are only in a bundle, and the types of modules that are not part of the
// library.
import { readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Modules that are loaded by their path: the library, htgate, and the threads of both commands. */
const ENTRIES = [
  'dist/index.js',
  'dist/htgate/main.js',
  'dist/htpasswd/many/worker.js',
  'dist/auth/providers/tokens/edit-worker.js',
  // Read by `npm run docs`.
  'dist/htpasswd/algorithm.js',
  'dist/htpasswd/manual.js',
]

/** The files that `entries` load, directly or indirectly. */
function reachable(entries, nameOf) {
  const found = new Set()
  const visit = (file) => {
    if (found.has(file)) return
    found.add(file)
    const imports = readFileSync(file, 'utf8').matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)
    for (const [, path] of imports) visit(join(dirname(file), nameOf(path)))
  }
  for (const entry of entries) visit(entry)
  return found
}

const kept = new Set([
  ...reachable(ENTRIES, (path) => path),
  ...reachable(['dist/index.d.ts'], (path) => path.replace(/\.js$/, '.d.ts')),
])
for (const entry of readdirSync('dist', { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name)
  if (entry.isFile() && /\.(?:js|d\.ts)$/.test(path) && !kept.has(path)) unlinkSync(path)
}
