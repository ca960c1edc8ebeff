// Builds dist/: the library as ES modules with types (tsc); htpasswd as one CommonJS file plus a few that it loads on demand,
// and the hashing thread as one (esbuild). One file starts faster than many, and CommonJS faster than ES modules.
import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { licenses, packagesOf } from './licenses.js'

/** The license exists only in its source. */
const NOT_CARRIED = ['unix-crypt-td-js']

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)
rmSync('dist', { recursive: true, force: true })
execFileSync(process.execPath, ['node_modules/typescript/bin/tsc'], { stdio: 'inherit' })

/** The packages in the bundles. */
const carried = new Set()
await bundleCommand('src/htpasswd/main.ts', 'htpasswd')
await bundle('src/auth/providers/password-file/hash-worker.ts', 'hash-worker', {})
writeFileSync('dist/THIRD-PARTY-LICENSES', licenses(carried))
await import('./manual.js')
await import('./prune.js')

/** Bundles a command to dist/NAME.cjs; modules loaded with `import()` become separate files next to it. */
async function bundleCommand(entry, name) {
  const lazy = new Map()
  const stayLazy = {
    name: 'stay-lazy',
    setup({ onResolve }) {
      onResolve({ filter: /.*/ }, ({ kind, path, resolveDir }) => {
        if (kind !== 'dynamic-import' || NOT_CARRIED.includes(path)) return undefined
        const source = path.startsWith('.') ? join(resolveDir, path.replace(/\.js$/, '.ts')) : path
        const chunk = `lazy/${basename(path, '.js')}.cjs`
        lazy.set(chunk, source)
        return { path: `./${name.includes('/') ? basename(chunk) : chunk}`, external: true }
      })
    },
  }
  await bundle(entry, name, {
    define: { 'import.meta.dirname': '__dirname' },
    alias: {
      // Commander needs it only for executable subcommands, which htpasswd does not have; loading it takes 2 ms.
      'node:child_process': join(root, 'scripts/empty.cjs'),
      // write-file-atomic checks which thread it runs in; the command runs only in the main thread.
      worker_threads: join(root, 'scripts/empty.cjs'),
    },
    plugins: [stayLazy],
  })
  for (const [chunk, source] of lazy) await bundleCommand(source, chunk.replace(/\.cjs$/, ''))
}

async function bundle(entry, name, { plugins = [], ...options }) {
  const withoutSignals = {
    name: 'without-signals',
    setup({ onResolve }) {
      // To remove unfinished files, write-file-atomic listens to every signal, which takes longer than the write. The store
      // removes them itself, so this uses the package's entry for platforms without signals.
      onResolve({ filter: /^signal-exit$/ }, ({ importer }) =>
        importer.includes('write-file-atomic') ? { path: require.resolve('signal-exit/browser') } : undefined,
      )
    },
  }
  const { metafile } = await build({
    entryPoints: { [name]: entry },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20.17',
    format: 'cjs',
    // `import()` becomes `require`, which does not start the ES module loader.
    supported: { 'dynamic-import': false },
    external: NOT_CARRIED,
    legalComments: 'none',
    metafile: true,
    plugins: [withoutSignals, ...plugins],
    ...options,
  })
  for (const folder of packagesOf(metafile)) carried.add(folder)
}
