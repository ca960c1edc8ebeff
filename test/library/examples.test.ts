import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as library from '../../src/index.js'
import { startIssuer } from '../support/issuer.js'
import { statusFor } from '../support/requests.js'
import { run } from '../support/run.js'
import { freePort, startServer } from '../support/servers.js'
import { checking, docstringExamples, markdownExamples, projectFolder } from './examples.js'

// Each example in the documentation runs, in a project that has the package installed.

/** Runs a script to its end, and returns how many values it checked. */
async function runs(script: string): Promise<number> {
  const folder = projectFolder()
  writeFileSync(join(folder, 'example.mjs'), script)
  const { status, stdout, stderr } = await run(process.execPath, ['example.mjs'], { cwd: folder })
  expect(stderr.toString()).toBe('')
  expect(status).toBe(0)
  return stdout.toString().split('checked').length - 1
}

const promises = (code: string) => code.split('// →').length - 1

describe('docstrings', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  const examples = sources.flatMap((file) => docstringExamples(readFileSync(join('src', file), 'utf8')))

  test('there are examples', () => {
    expect(examples.length).toBeGreaterThan(8)
  })

  test.each(examples.map((code) => ({ title: code.split('\n')[0], code })))('$title', async ({ code }) => {
    const imports = `import http from 'node:http'\nimport { ${Object.keys(library).join(', ')} } from 'htgate'\n`
    expect(await runs(imports + checking(code))).toBe(promises(code))
  })
})

describe('docs/library.md', () => {
  const text = readFileSync('docs/library.md', 'utf8')
  const examples = markdownExamples(text)
  const isServer = ({ code }: { code: string }) => code.includes('process.env.PORT')

  test.each(examples.filter((example) => !isServer(example)))('$heading', async ({ code }) => {
    expect(await runs(checking(code))).toBe(promises(code))
  })

  test('covers all exports, options, reasons, events and codes', () => {
    const inSource = (file: string, pattern: RegExp) =>
      [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, name]) => name)
    const names = [
      ...Object.keys(library),
      ...inSource('src/auth/options.ts', /^ {2}(\w+)\??: .*$/gm),
      ...inSource('src/auth/authenticator.ts', /^ {2}\| '(\S+)'$/gm),
      ...inSource('src/auth/events.ts', /Event<'(\S+)',/g),
      ...inSource('src/errors.ts', /\| '(ERR_\w+)'/g),
    ]
    expect(names.length).toBeGreaterThan(35)
    expect(names.filter((name) => !text.includes(`\`${name}`) && !text.includes(`${name}(`))).toEqual([])
  })

  test.each(examples.filter(isServer))('$heading: a server that requires a login', async ({ code }) => {
    const folder = projectFolder()
    const issuer = await startIssuer()
    writeFileSync(join(folder, 'server.mjs'), code.replaceAll(/https:\/\/(?:id|token)\.[^']*/g, issuer.url))
    const port = await freePort()
    const server = await startServer(process.execPath, ['server.mjs'], {
      port,
      cwd: folder,
      env: { PORT: String(port) },
    })
    onTestFinished(() => server.stop())
    expect(await statusFor(server.url, 'ann', 'secret')).toBe(200)
    expect(await statusFor(server.url, 'ann', 'wrong')).toBe(401)
    expect(await statusFor(server.url, 'eve', 'secret')).toBe(401)
    if (!code.includes('tokens:')) return

    const { token } = await library.createToken(join(folder, 'tokens'), { user: 'ci', role: 'read' })
    const claims = { preferred_username: 'bob', scope: 'use' }
    const send = (method: string, bearer: string) =>
      fetch(server.url, { method, headers: { authorization: `Bearer ${bearer}` } })
    await expect.poll(async () => (await send('GET', token)).status, { timeout: 20_000 }).toBe(200)
    expect((await send('POST', token)).status).toBe(403)
    expect(await (await send('POST', await issuer.sign(claims))).text()).toBe('hello bob')
    const refused = await send('GET', await issuer.sign({ ...claims, aud: 'other' }))
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toContain('Bearer realm=')
  })
})
