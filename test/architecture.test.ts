import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'

// Imports point downward only. CONTRIBUTING.md explains the layers.

/** Folders of src/ from the top down; each may import those below it. Files directly in src/ are listed by name. */
const LAYERS = [
  // The two commands share a layer, and never import each other.
  ['htpasswd', 'htgate', 'index.ts'],
  ['processes'],
  ['gate'],
  ['upstream'],
  ['operations'],
  ['policy'],
  ['auth'],
  ['http1'],
  ['passwd-file'],
  ['password.ts'],
  ['schemes'],
  ['errors.ts'],
  ['system', 'version.ts', 'types.d.ts'],
]

/** Imports that are forbidden although they point downward. */
const FORBIDDEN: readonly (readonly [from: string, to: string, why: string])[] = [
  ['auth', 'http1', 'authentication knows nothing about sockets'],
  ['policy', 'http1', 'policies know nothing about sockets'],
  ['auth', 'policy', 'authentication knows nothing about authorization'],
  ['schemes', 'system', 'schemes know nothing about files'],
]

/** Node modules that a layer must not import. */
const NO_MODULES: readonly (readonly [from: string, modules: RegExp, why: string])[] = [
  ['schemes', /^node:(fs|http|https|net|tls|tty|readline)/, 'schemes know neither files nor HTTP'],
  ['policy', /^node:(http|https|net|tls)/, 'policies know nothing about sockets'],
]

const SOURCE = 'src'
const files = (readdirSync(SOURCE, { recursive: true }) as string[])
  .filter((path) => path.endsWith('.ts'))
  .sort()

/** The imports of a file: files in src/, and modules. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(SOURCE, file), 'utf8').replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '')
  const specifiers = [
    ...text.matchAll(/^(?:import|export)\b[^'"]*?from '([^']+)'/gms),
    ...text.matchAll(/^import '([^']+)'/gm),
    ...text.matchAll(/\bimport\(\s*'([^']+)'/g),
  ]
  return specifiers.map(([, specifier = '']) =>
    specifier.startsWith('.')
      ? relative('', join(dirname(file), specifier)).replace(/\.js$/, '.ts')
      : specifier,
  )
}

const IMPORTS = new Map(files.map((file) => [file, importsOf(file)]))

/** The folder, or the file directly in src/. */
const areaOf = (file: string): string => file.split('/')[0] as string
const layerOf = (file: string): number => LAYERS.findIndex((areas) => areas.includes(areaOf(file)))
const isOurs = (path: string): boolean => IMPORTS.has(path)

test('every file belongs to a layer, and every import exists', () => {
  expect(files.filter((file) => layerOf(file) === -1)).toEqual([])
  const ours = [...IMPORTS].flatMap(([file, imports]) =>
    imports.filter((path) => path.endsWith('.ts') && !isOurs(path)).map((path) => `${file} -> ${path}`),
  )
  expect(ours).toEqual([])
  // The parser works: most files import another one.
  expect([...IMPORTS.values()].filter((imports) => imports.some(isOurs)).length).toBeGreaterThan(
    files.length / 2,
  )
})

test('imports point downward', () => {
  const upward = [...IMPORTS].flatMap(([file, imports]) =>
    imports
      .filter(isOurs)
      .filter((path) => areaOf(path) !== areaOf(file) && layerOf(path) <= layerOf(file))
      .map((path) => `${file} -> ${path}`),
  )
  expect(upward).toEqual([])
})

describe('layers that must not import each other', () => {
  test.each(FORBIDDEN)('%s -> %s: %s', (from, to) => {
    const wrong = [...IMPORTS].flatMap(([file, imports]) =>
      areaOf(file) === from
        ? imports.filter((path) => areaOf(path) === to).map((path) => `${file} -> ${path}`)
        : [],
    )
    expect(wrong).toEqual([])
  })

  test.each(NO_MODULES)('%s imports none of %s: %s', (from, modules) => {
    const wrong = [...IMPORTS].flatMap(([file, imports]) =>
      areaOf(file) === from
        ? imports.filter((path) => modules.test(path)).map((path) => `${file} -> ${path}`)
        : [],
    )
    expect(wrong).toEqual([])
  })
})

test('a provider imports no other provider', () => {
  const providerOf = (file: string) => /^auth\/providers\/([^/]+)\//.exec(file)?.[1]
  const wrong = [...IMPORTS].flatMap(([file, imports]) =>
    imports
      .filter((path) => providerOf(file) && providerOf(path) && providerOf(path) !== providerOf(file))
      .map((path) => `${file} -> ${path}`),
  )
  expect(wrong).toEqual([])
})

test('there are no circular imports', () => {
  const circles: string[] = []
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file)
    if (start !== -1) {
      circles.push([...path.slice(start), file].join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const next of IMPORTS.get(file) ?? []) if (isOurs(next)) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
  expect(circles).toEqual([])
})
