import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createToken } from '../../src/auth/providers/tokens/token-file.js'
import { makeCertificate } from '../support/certificate.js'
import { temporaryFolder } from '../support/folder.js'
import { passwordFile, record, startUpstream } from '../support/gate.js'
import { htgateHere, OUR_HTGATE } from '../support/htgate.js'
import { CLIENT_ID, CLIENT_SECRET, goMissing, startOidcProvider, startZitadel } from '../support/issuers.js'
import { describeIf, describeWith } from '../support/peers.js'
import { run } from '../support/run.js'

// The output of htgate --check. Directories are tested in test/htgate/ldap.test.ts.

async function check(args: readonly string[]) {
  const { status, stdout, stderr } = await htgateHere(['--check', ...args])
  return { status, output: stdout, said: stderr }
}

/** The same in a process, which reads a password. */
async function checkLogin(args: readonly string[], input: string) {
  const { status, stdout } = await run(process.execPath, [OUR_HTGATE, '--check', ...args], { input })
  return { status, output: stdout.toString() }
}

function secretFile(name: string, content: string): string {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

const session = () => secretFile('session', 'a session secret of more than 32 characters\n')

test('files are checked: their contents, and who can change them', async () => {
  const upstream = await startUpstream()
  const file = passwordFile(
    `${record('alice', 'secret', 10)}bob:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=\nno record\n`,
  )
  chmodSync(file, 0o604)
  const groups = secretFile('groups', 'ml: alice bob\n')
  const tokens = join(temporaryFolder(), 'tokens')
  const { token } = await createToken(tokens, { user: 'alice', role: 'read', name: 'ci', account: 'file' })
  const args = ['--file', file, '--upstream', upstream.url, '--group-file', groups, '--token-file', tokens]
  const { status, output } = await check([...args, '--writers', 'group:ml', '--listen', ':0'])
  expect(output.split('\n')).toEqual(
    expect.arrayContaining([
      `warning  --file: everyone on this machine can read ${file} (mode 604)`,
      `         hint: chmod o-rw ${file}`,
      expect.stringMatching(/^warning {2}--listen: clients send passwords and tokens in plain text to \*:0/),
      `works    --upstream: ${upstream.url} responds to GET / with 200`,
      `works    --group-file: ${groups}: 2 users in groups`,
      `works    --token-file: ${tokens}: 1 token`,
      `works    --file: ${file}: 2 users`,
      `warning  --file: ${file}: line 3 skipped: not a record (user:hash)`,
      'warning  --file: weak records: 1; anyone who gets hold of the file can crack these passwords',
    ]),
  )
  expect(status).toBe(0)

  const more = [...args, '--writers', 'group:ml', '--user', 'alice']
  const alice = await checkLogin(more, 'secret\n')
  expect(alice.output).toMatch(/^works {4}--user alice: alice; provider: file; groups: ml; role: write$/m)
  expect(alice.status).toBe(0)
  const byToken = await checkLogin(more, token)
  expect(byToken.output).toMatch(
    /^works {4}--user alice: alice; provider: file \(token \w{16}\); groups: ml; role: read$/m,
  )
  const wrong = await checkLogin(more, 'wrong')
  expect(wrong.output).toMatch(/^FAILS {4}--user alice: unknown user or wrong password$/m)
  expect(wrong.status).toBe(1)
}, 60_000)

test('a file that several options need fails once', async () => {
  const ca = secretFile('ca', 'no certificate\n')
  const { status, output } = await check([
    ...['--upstream', (await startUpstream()).url, '--oidc-issuer', 'https://127.0.0.1:2', '--oidc-ca', ca],
    ...['--oidc-client-id', 'c', '--session-secret-file', session()],
  ])
  expect(output.match(/^FAILS.*$/gm)).toEqual([expect.stringMatching(/^FAILS {4}--oidc-ca: \S+ is not /)])
  expect(status).toBe(1)
})

test('each unreadable file is a failure, and does not hide the others', async () => {
  const { status, output } = await check([
    ...['--file', '/nowhere/file', '--upstream', 'http://127.0.0.1:1', '--token-file', '/nowhere/tokens'],
    ...['--readers', '*', '--group-file', '/nowhere/groups', '--oidc-issuer', 'http://127.0.0.1:2'],
    ...['--oidc-client-id', 'c', '--oidc-client-secret-file', '/nowhere/client'],
    ...['--session-secret-file', secretFile('session', 'too short\n')],
    ...['--tls-cert', '/nowhere/cert', '--tls-key', '/nowhere/key'],
  ])
  const failures = output.split('\n').filter((line) => line.startsWith('FAILS'))
  expect(failures).toEqual([
    'FAILS    --tls-cert: cannot read /nowhere/cert: no such file or directory',
    'FAILS    --upstream: http://127.0.0.1:1: connection refused',
    'FAILS    --group-file: cannot read /nowhere/groups: no such file or directory',
    expect.stringMatching(/^FAILS {4}--oidc-issuer: http:\/\/127\.0\.0\.1:2: .*ECONNREFUSED/),
    'FAILS    --oidc-client-secret-file: cannot read /nowhere/client: no such file or directory',
    expect.stringMatching(/^FAILS {4}--session-secret-file: \S+: line 1 is shorter than 32 characters$/),
    expect.stringMatching(/^FAILS {4}--file: .*\/nowhere\/file/),
  ])
  expect(status).toBe(1)
}, 60_000)

describeWith(['openssl'], 'certificates', () => {
  test('the gate’s own and its authorities are checked', async () => {
    const { cert, key } = makeCertificate(temporaryFolder(), 'mlflow.example.org')
    const upstream = await startUpstream()
    const args = ['--file', passwordFile(), '--upstream', upstream.url, '--tls-cert', cert, '--tls-key', key]
    const { status, output } = await check([...args, '--client-ca', cert, '--client-crl', cert])
    expect(output).toContain(
      `works    --tls-cert: ${cert} matches its key and is issued for DNS:mlflow.example.org, IP Address:127.0.0.1\n`,
    )
    expect(output).toMatch(/^warning {2}--tls-cert: \S+ expires in 1 day, on .*\n {9}hint: renew it$/m)
    expect(output).toMatch(/^warning {2}--client-ca: \S+: CN=mlflow\.example\.org expires in 1 day/m)
    expect(output).toMatch(/^FAILS {4}--client-ca: .*the file has no revocation list/m)
    expect(status).toBe(1)
  })
})

const ISSUERS = [
  { name: 'oidc-provider', start: startOidcProvider, missing: [] as string[] },
  { name: 'zitadel', start: startZitadel, missing: goMissing() },
]

for (const { name, start, missing } of ISSUERS) {
  describeIf(missing, `an issuer: ${name}`, () => {
    test('discovery, keys, client and redirect URL are checked', async () => {
      const issuer = await start({ redirectUris: ['https://localhost/.htgate/callback'], users: {} })
      const upstream = await startUpstream()
      const secret = secretFile('client', CLIENT_SECRET)
      const args = (url: string) => [
        ...['--upstream', upstream.url, '--oidc-issuer', url, '--oidc-client-id', CLIENT_ID],
        ...['--oidc-client-secret-file', secret, '--session-secret-file', session()],
        ...['--oidc-redirect-url', 'https://localhost/.htgate/callback'],
      ]
      const good = await check(args(issuer.url))
      expect(good.output.split('\n')).toEqual(
        expect.arrayContaining([
          `works    --oidc-issuer: ${issuer.url} serves matching metadata`,
          expect.stringMatching(/^works {4}--oidc-issuer: http:\S+ has \d keys?$/),
          `works    --oidc-client-id: the issuer does not reject client ${CLIENT_ID} and its secret`,
          'works    --oidc-redirect-url: https://localhost/.htgate/callback must be registered at the issuer',
          'works    --oidc-audience: not set: bearer tokens of the issuer are rejected',
          expect.stringMatching(/^works {4}--session-secret-file: /),
        ]),
      )
      expect(good.status, good.output).toBe(0)

      const renamed = await check(args(issuer.url.replace('127.0.0.1', 'localhost')))
      expect(renamed.output).toMatch(
        /^FAILS {4}--oidc-issuer: \S+: "issuer" in its metadata is 'http:\/\/127\.0\.0\.1:\d+/m,
      )
      expect(renamed.status).toBe(1)

      // The Go issuer looks at the code first.
      if (name === 'zitadel') return
      writeFileSync(secret, 'another-secret')
      const other = await check(args(issuer.url))
      expect(other.output).toMatch(
        /^FAILS {4}--oidc-client-id: the issuer rejects client mlflow and its secret/m,
      )
      expect(other.output).not.toContain(readFileSync(secret, 'utf8'))
      expect(other.status).toBe(1)
    }, 60_000)
  })
}
