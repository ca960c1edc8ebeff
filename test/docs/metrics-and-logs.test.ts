import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { noProviderResults, noResults, type ProviderCounters } from '../../src/auth/counters.js'
import type { Provider } from '../../src/auth/provider.js'
import { ldapSettings } from '../../src/auth/providers/ldap/options.js'
import { LdapProvider } from '../../src/auth/providers/ldap/provider.js'
import { OidcProvider } from '../../src/auth/providers/oidc/provider.js'
import { createPasswordFileProvider } from '../../src/auth/providers/password-file/provider.js'
import { TokenProvider } from '../../src/auth/providers/tokens/provider.js'
import { type AccessEntry, Log } from '../../src/operations/log.js'
import { printMetrics, RequestMetrics } from '../../src/operations/metrics.js'
import { temporaryFolder } from '../support/folder.js'

// Compares docs/metrics-and-logs.md with the actual metrics and log.

const PAGE = readFileSync('docs/metrics-and-logs.md', 'utf8')

/** The names in the first column of a section's table. */
function namesIn(heading: string): string[] {
  const [, section = ''] = new RegExp(`\n#+ ${heading}\n(.*?)(?=\n#|$)`, 's').exec(PAGE) ?? []
  return [...section.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
  )
}

test('describes every metric, with its type, and no other', async () => {
  const file = join(temporaryFolder(), 'none')
  const providers: Provider[] = [
    await createPasswordFileProvider({ file, workers: 1, cacheSize: 1, cacheTtl: 1000 }),
    new TokenProvider({ file }),
    new OidcProvider({ fetch: () => Promise.reject(new Error('not to be asked')) }),
    new LdapProvider(ldapSettings({ url: 'ldaps://ldap.example.org/dc=example' }), () => {}),
  ]
  const counters = Object.fromEntries(
    providers.map((provider): [string, ProviderCounters] => [
      provider.name,
      {
        counts: {},
        gauges: {},
        sizes: {},
        ...provider.measures?.(),
        results: noProviderResults(),
        waiting: 0,
      },
    ]),
  )
  const logins = { results: noResults(), asked: 0, delayed: 0, providers: counters }
  const text = printMetrics({ requests: new RequestMetrics().snapshot(), logins, memory: 0 })
  for (const provider of providers) await provider.close()

  const printed = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
  const described = [...PAGE.matchAll(/^\| `(htgate_\w+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  )
  expect(described.toSorted()).toEqual(printed.toSorted())
  for (const name of Object.keys(counters)) expect(PAGE).toContain(`\`${name}\``)
  for (const result of Object.keys({ ...logins.results, ...noProviderResults() }))
    expect(PAGE).toContain(`\`${result.replaceAll('-', '_')}\``)
})

test('describes every field of a request in the log, and no other', async () => {
  const entry: AccessEntry = {
    ...{
      user: 'ann',
      client: '127.0.0.1',
      method: 'GET',
      path: '/',
      status: 403,
      bytes: 0,
      ms: 1,
      upstreamMs: 1,
    },
    ...{ reason: 'role', provider: 'file', via: 'password', missingRole: 'write', userAgent: 'curl' },
  }
  expect(namesIn('Requests').toSorted()).toEqual(
    Object.keys(await logged((log) => log.access(entry))).toSorted(),
  )
})

test('describes every field of an event in the log, and no other', () => {
  const events = readFileSync('src/gate/forward.ts', 'utf8')
    .split('\n')
    .filter((line) => line.includes('log.event('))
  const [reported = ''] =
    /function fieldsOf.*?^}/ms.exec(readFileSync('src/htgate/event-reporter.ts', 'utf8')) ?? []
  const fields = [
    ...events.join('\n').matchAll(/\{ ([^{}\n]+) \}/g),
    ...reported.matchAll(/\{ (\w+: [^{}\n]+) \}/g),
  ]
    .flatMap(([, list = '']) => list.split(', '))
    .map((field) => field.replace(/:.*/, ''))
  expect(namesIn('Events').toSorted()).toEqual([...new Set(fields)].toSorted())
})

test('describes every reason, and no other', () => {
  const sources = readdirSync('src/gate', { encoding: 'utf8', recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join('src/gate', name), 'utf8'))
  const all = sources.join('\n')
  const [, union = ''] = /type RefusalByPolicy = (.*)/.exec(all) ?? []
  const reasons = new Set([
    ...union.split(' | ').map((text) => text.replaceAll("'", '')),
    ...[...all.matchAll(/\breason(?:: | = )'([a-z-]+)'/g)].map(([, reason]) => reason as string),
    ...[...all.matchAll(/(?:unreadable|#end)\([^\n]*?'([a-z-]+)'/g)].map(([, reason]) => reason as string),
    ...Object.keys(noResults()).filter((result) => result !== 'remembered' && result !== 'verified'),
  ])
  expect(namesIn('Reasons').toSorted()).toEqual([...reasons].toSorted())
})

/** The one line that `write` logs. */
async function logged(write: (log: Log) => void): Promise<Record<string, unknown>> {
  const path = join(temporaryFolder(), 'log')
  const fd = openSync(path, 'w')
  const log = new Log('json', fd)
  write(log)
  await log.close(1000)
  closeSync(fd)
  return JSON.parse(readFileSync(path, 'utf8'))
}
