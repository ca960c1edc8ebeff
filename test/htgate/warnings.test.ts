import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from '../../src/htgate/command-line.js'
import { certificateFinding, certificatesIn, chainFindings } from '../../src/htgate/findings/certificates.js'
import { permissionFindings } from '../../src/htgate/findings/files.js'
import { plainHttpFindings } from '../../src/htgate/findings/plain-http.js'
import { connectionFinding } from '../../src/htgate/findings/upstream.js'
import { makeCertificate } from '../support/certificate.js'
import { temporaryFolder } from '../support/folder.js'
import {
  asAlice,
  type Gate,
  passwordFile,
  startGate,
  startGateProcess,
  startUpstream,
  until,
} from '../support/gate.js'
import { startIssuer } from '../support/issuer.js'
import { describeIf, lackingPeers } from '../support/peers.js'
import { freePort } from '../support/servers.js'

// The warnings that htgate prints to standard error at the start.

const warnings = (gate: Gate): string[] =>
  gate
    .said()
    .split('\n')
    .filter((line) => line.startsWith('htgate: warning: '))
    .map((line) => line.slice('htgate: warning: '.length))

/** The warnings of a gate with these arguments, once it listens and has tried the upstream. */
async function warningsWith(args: readonly string[], file = passwordFile(), listen?: string) {
  const upstream = await startUpstream()
  return warnings(await startGateProcess({ upstream: upstream.url, file, args, ...(listen && { listen }) }))
}

test('a sound configuration causes no warning', async () => {
  expect(await warningsWith([])).toEqual([])
})

test.each([
  ['666', 'everyone on this machine can read and write FILE (mode 666)', 'chmod o-rw FILE'],
  ['644', 'everyone on this machine can read FILE (mode 644)', 'chmod o-rw FILE'],
  ['602', 'everyone on this machine can write FILE (mode 602)', 'chmod o-rw FILE'],
  ['640', undefined, undefined],
])('a password file of mode %s: %s', (mode, text, hint) => {
  const path = passwordFile()
  chmodSync(path, Number.parseInt(mode, 8))
  const named = (words: string) => words.replace('FILE', path)
  const expected = text && hint && [{ state: 'warning', text: named(text), hint: named(hint) }]
  expect(permissionFindings({ path, isSecret: true })).toEqual(expected ?? [])
})

test('every file is checked: secrets that others can read, and files that others can write', async () => {
  const folder = temporaryFolder()
  const make = (name: string, mode: number, content = '') => {
    const path = join(folder, name)
    writeFileSync(path, content)
    chmodSync(path, mode)
    return path
  }
  const [groups, tokens] = [make('groups', 0o666), make('tokens', 0o664)]
  const [client, session] = [make('client', 0o644, 'secret'), make('session', 0o646, 's'.repeat(32))]
  const issuer = await startIssuer()
  const file = passwordFile()
  chmodSync(file, 0o666)
  const port = await freePort()
  const args = [
    ...['--group-file', groups, '--token-file', tokens, '--oidc-issuer', issuer.url, '--oidc-client-id', 'c'],
    ...['--oidc-client-secret-file', client, '--session-secret-file', session, '--readers', '*'],
  ]
  const found = await warningsWith(args, file, `:${port}`)
  expect(found).toEqual([
    `--file: everyone on this machine can read and write ${file} (mode 666) (hint: chmod o-rw ${file})`,
    `--oidc-client-secret-file: everyone on this machine can read ${client} (mode 644) (hint: chmod o-rw ${client})`,
    `--session-secret-file: everyone on this machine can read and write ${session} (mode 646) (hint: chmod o-rw ${session})`,
    `--group-file: everyone on this machine can write ${groups} (mode 666) (hint: chmod o-w ${groups})`,
    `--listen: clients send passwords and tokens in plain text to *:${port} (plain HTTP) (hint: serve HTTPS with --tls-cert and --tls-key, or trust the proxy that does with --trust-proxy)`,
    expect.stringMatching(/^--oidc-issuer: over plain HTTP, only browsers on this machine .* not Secure/),
  ])
})

test('a folder in which everyone can replace the file is reported, unless it is sticky', () => {
  const folder = join(temporaryFolder(), 'open')
  mkdirSync(folder)
  const path = join(folder, '.htpasswd')
  writeFileSync(path, 'alice:x\n', { mode: 0o600 })
  chmodSync(folder, 0o777)
  const text = `everyone on this machine can replace ${path}: its folder is world-writable`
  expect(permissionFindings({ path, isSecret: true })).toEqual([
    { state: 'warning', text, hint: `chmod o-w ${folder}` },
  ])
  chmodSync(folder, 0o1777)
  expect(permissionFindings({ path, isSecret: true })).toEqual([])
})

test('a folder further up, or the folder of a link to the file, in which everyone can replace it', () => {
  const open = join(temporaryFolder(), 'open')
  mkdirSync(join(open, 'private'), { recursive: true })
  const path = join(open, 'private', '.htpasswd')
  writeFileSync(path, 'alice:x\n', { mode: 0o600 })
  chmodSync(open, 0o777)
  const texts = (path: string) => permissionFindings({ path, isSecret: true }).map(({ text }) => text)
  const text = (path: string) =>
    `everyone on this machine can replace ${path}: the folder ${open} is world-writable`
  expect(texts(path)).toEqual([text(path)])

  const safe = passwordFile()
  const link = join(open, 'link')
  symlinkSync(safe, link)
  expect(texts(link)).toEqual([text(link)])
  expect(texts(safe)).toEqual([])
})

describeIf(process.getuid?.() === 0 ? [] : ['root'], 'files of other users', () => {
  test('their group can write them', () => {
    const path = passwordFile()
    chownSync(path, 0, 1)
    chmodSync(path, 0o660)
    expect(permissionFindings({ path, isSecret: true })).toEqual([
      {
        state: 'warning',
        text: `the group daemon can write ${path} (mode 660)`,
        hint: `chmod g-w ${path}`,
      },
    ])
    chmodSync(path, 0o640)
    expect(permissionFindings({ path, isSecret: true })).toEqual([])
  })

  test('are reported: their owner can change them', () => {
    const path = passwordFile()
    chownSync(path, 1, 1)
    expect(permissionFindings({ path, isSecret: true })).toEqual([
      { state: 'warning', text: `${path} belongs to daemon, who can change it`, hint: `chown root ${path}` },
    ])
  })
})

test.each([
  [':80', [], true],
  ['0.0.0.0:80', [], true],
  ['192.0.2.1:80', [], true],
  [':80', ['--trust-proxy', 'private'], false],
  [':443', ['--tls-cert', 'c', '--tls-key', 'k'], false],
  ['localhost:80', [], false],
  ['127.0.0.1:80', [], false],
  ['[::1]:80', [], false],
  ['unix:/run/htgate.sock', [], false],
])('plain HTTP on %s with %j is reported: %s', (address, args, isWarnedOf) => {
  const settings = parse(['--file', 'f', '--upstream', 'http://h', '--listen', address, ...args], {})
  if ('text' in settings) throw new Error(settings.text)
  expect(plainHttpFindings(settings, settings.listen)).toHaveLength(isWarnedOf ? 1 : 0)
})

test('an upstream that is down is reported, but htgate starts', async () => {
  const port = await freePort()
  const gate = await startGate({ upstream: `http://127.0.0.1:${port}` })
  await until(() => warnings(gate).length > 0, gate.said)
  expect(warnings(gate)).toEqual([
    `--upstream: http://127.0.0.1:${port}: connection refused; requests get 502 until it can be reached (hint: is the server running, and at this address?)`,
  ])
  expect((await asAlice(gate.url)).status).toBe(502)
})

test('an https upstream that speaks plain HTTP is reported', async () => {
  const { port } = await startUpstream()
  const [text, origin] = [`https://127.0.0.1:${port}`, `https://127.0.0.1:${port}`]
  const finding = await connectionFinding({ text, origin, prefix: '', socketPath: undefined })
  expect(finding?.text).toBe(`${text}: the server does not speak TLS`)
})

test('the test connection sends no data', async () => {
  let bytes = 0
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', (part) => (bytes += part.length))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const text = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await connectionFinding({ text, origin: text, prefix: '', socketPath: undefined })).toBeUndefined()
  await new Promise((resolve) => server.close(resolve))
  expect(bytes).toBe(0)
})

describeIf(lackingPeers('openssl'), 'certificates', () => {
  test('one that expires soon is reported at the start and at each reload', async () => {
    const { cert, key } = makeCertificate(temporaryFolder(), 'mlflow.example.org')
    chmodSync(key, 0o600)
    const upstream = await startUpstream()
    const gate = await startGate({
      upstream: upstream.url,
      args: ['--tls-cert', cert, '--tls-key', key],
    })
    const soon = /--tls-cert: \S+cert\.pem expires in 1 day, on .* GMT \(hint: renew it\)$/
    expect(warnings(gate)).toEqual([expect.stringMatching(soon)])
    gate.reload()
    await until(() => gate.log().some(({ message }) => soon.test(String(message))), gate.output)
    expect(gate.log().find(({ message }) => soon.test(String(message)))).toMatchObject({ level: 'warn' })
  })

  test('an expired one is reported, but htgate starts', async () => {
    const folder = temporaryFolder()
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const request = join(folder, 'request.pem')
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    openssl('req', '-new', ...curve, '-subj', '/CN=x', '-keyout', key, '-out', request)
    openssl('x509', '-req', '-in', request, '-signkey', key, '-days', '-1', '-out', cert)
    expect(await warningsWith(['--tls-cert', cert, '--tls-key', key])).toEqual([
      expect.stringMatching(/^--tls-cert: \S+cert\.pem expired on .* GMT \(hint: renew it\)$/),
    ])
  })

  test('an authority of the chain that has expired is reported by its name', () => {
    const leaf = readFileSync(makeCertificate(temporaryFolder(), 'x').cert, 'utf8')
    const [certificate] = certificatesIn(leaf)
    const expiry = Date.parse(certificate?.validTo as string)
    expect(chainFindings('c', leaf + leaf, expiry + 1000)).toEqual([
      expect.objectContaining({ state: 'fails', text: expect.stringMatching(/^c expired on/) }),
      expect.objectContaining({ state: 'fails', text: expect.stringMatching(/^c: .*CN=x.* expired on/) }),
    ])
  })

  test('the remaining days are reported', () => {
    const [certificate] = certificatesIn(makeCertificate(temporaryFolder(), 'x').ca)
    if (certificate === undefined) throw new Error('no certificate')
    const end = Date.parse(certificate.validTo)
    const at = (days: number) => certificateFinding('c', certificate, end - days * 86_400_000)
    expect(at(1.5)).toMatchObject({ state: 'warning', text: expect.stringContaining('in 1 day,') })
    expect(at(-1)).toMatchObject({ state: 'fails', text: expect.stringContaining('expired on') })
    expect(at(3)).toMatchObject({ state: 'fails', text: expect.stringContaining('is not valid before') })
  })
})
