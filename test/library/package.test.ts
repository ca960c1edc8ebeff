import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import * as library from '../../src/index.js'
import { run } from '../support/run.js'
import { projectFolder } from './examples.js'

// The installed package: the built files that `exports` refers to.

const names = JSON.stringify(Object.keys(library).sort())

async function output(file: string, script: string): Promise<string> {
  const folder = projectFolder()
  writeFileSync(join(folder, file), script)
  const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder })
  expect(stderr.toString()).toBe('')
  return stdout.toString().trim()
}

test('`import` provides the whole library', async () => {
  const script = `import * as htgate from 'htgate'; console.log(JSON.stringify(Object.keys(htgate).sort()))`
  expect(await output('main.mjs', script)).toBe(names)
})

test.skipIf(!('require_module' in process.features))(
  '`require` provides it, too, where Node supports that: from 20.19 and 22.12 on',
  async () => {
    const script = `console.log(JSON.stringify(Object.keys(require('htgate')).sort()))`
    expect(await output('main.cjs', script)).toBe(names)
  },
)

test('nothing else in the package can be imported', async () => {
  const script = `import('htgate/dist/auth/watcher.js').catch(({ code }) => console.log(code))`
  expect(await output('main.mjs', script)).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
})

test('it has the size that docs/figures.md states, and no file that nothing loads', async () => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])
  const [{ size, unpackedSize, files }] = JSON.parse(stdout.toString())
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'))
  const dependencies = Object.entries<{ dev?: boolean; devOptional?: boolean }>(packages).filter(
    ([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional,
  )
  const text = readFileSync('docs/figures.md', 'utf8').replaceAll(/\s+/g, ' ')
  const [, archive, unpacked, count] =
    /this version has ([\d.]+) MB, and ([\d.]+) MB unpacked. With the (\d+) packages/.exec(text) ?? []
  expect(Math.abs(Number(archive) - size / 1e6)).toBeLessThan(0.1)
  expect(Math.abs(Number(unpacked) - unpackedSize / 1e6)).toBeLessThan(0.1)
  expect(Number(count)).toBe(dependencies.length)
  const paths: string[] = files.map(({ path }: { path: string }) => path)
  expect(paths.filter((path) => /\.map$|\.tsbuildinfo$|\.test\.|fixtures|(?<!\.d)\.ts$/.test(path))).toEqual(
    [],
  )
  const modules = paths.filter((path) => path.endsWith('.js')).map((path) => path.replace(/\.js$/, ''))
  const typesOfLibrary = paths.filter((path) => path.endsWith('.d.ts'))
  expect(typesOfLibrary).toContain('dist/index.d.ts')
  expect(typesOfLibrary.length).toBeLessThan(modules.length / 3)
})

test('its types compile in a strict project', async () => {
  const folder = projectFolder()
  writeFileSync(
    join(folder, 'main.mts'),
    `
    import { createServer } from 'node:http'
    import { createAuthenticator, HtgateError, hash, middleware, openPasswordFile, permits, refusal, type Verdict } from 'htgate'
    const authenticator = await createAuthenticator({ file: '.htpasswd', realm: undefined })
    const verdict: Verdict = await authenticator.authenticate(undefined)
    const name: string = verdict.ok ? verdict.user : verdict.reason
    const guard = middleware(authenticator)
    createServer((request, response) => guard(request, response, () => response.end(name)))
    const file = await openPasswordFile('.htpasswd')
    const cost: number | undefined = file.get('ann')?.cost
    // @ts-expect-error plaintext is not a hashing scheme
    await hash('secret', { scheme: 'plain', cost })
    const programs = await createAuthenticator({
      tokens: { file: 'tokens' },
      oidc: { issuer: 'https://id.example.org', audience: ['a'], trust: [{ issuer: 'https://x.org', audience: 'a' }] },
      onEvent: (event) => event.type === 'tokens-loaded' || event.type === 'issuer-down',
    })
    const program = await programs.authenticate('Bearer x')
    const mayWrite: boolean = program.ok && permits(program.principal, 'write')
    const headers: Record<string, string> = program.ok ? {} : refusal(program, programs).headers
    console.log(mayWrite, headers)
    const isMissing = (error: unknown) => error instanceof HtgateError && error.code === 'ERR_FILE_MISSING'
    console.log(isMissing)
    `,
  )
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  const types = fileURLToPath(new URL('../../node_modules/@types', import.meta.url))
  const options = [
    '--noEmit',
    '--strict',
    '--exactOptionalPropertyTypes',
    '--module',
    'nodenext',
    '--target',
    'es2023',
  ]
  const { status, stdout } = await run(
    process.execPath,
    [tsc, ...options, '--types', 'node', '--typeRoots', types, 'main.mts'],
    { cwd: folder },
  )
  expect(stdout.toString()).toBe('')
  expect(status).toBe(0)
})
