import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { helpText, parse, unknownVariables, variablesMeant } from '../../src/htgate/command-line.js'
import { Exit } from '../../src/htgate/exit-status.js'
import { GROUPS, OPTIONS, type Settings, SHELLS } from '../../src/htgate/options/index.js'
import { parseAddress, systemdSockets } from '../../src/system/address.js'
import { run } from '../support/run.js'

const MUST = ['--file', 'f', '--upstream', 'http://127.0.0.1:5000']

const settings = (args: string[], env: Record<string, string> = {}) => parse(args, env) as Settings

/** The message and exit status for an invalid command line. */
/** The exit status, and what is printed, hints included. */
function printedError(args: string[], env: Record<string, string> = {}): string {
  try {
    parse(args, env)
  } catch (error) {
    if (error instanceof Exit) return `${error.status} ${error.message}`
    throw error
  }
  return 'accepted'
}

/** The exit status, and the first line of what is printed. */
const refusal = (...given: Parameters<typeof printedError>): string =>
  printedError(...given).split('\n')[0] as string

test('the defaults, given only file and upstream', () => {
  expect(settings(MUST)).toMatchObject({
    file: 'f',
    upstream: {
      text: 'http://127.0.0.1:5000',
      origin: 'http://127.0.0.1:5000',
      prefix: '',
      socketPath: undefined,
    },
    upstreamTimeout: 360_000,
    listen: [],
    loginFailures: 10,
    workers: 1,
    log: 'json',
    drainTimeout: 30_000,
  })
})

describe('each option is also an environment variable', () => {
  test('named HTGATE_ and its name', () => {
    const env = {
      HTGATE_FILE: 'g',
      HTGATE_UPSTREAM: 'unix:/run/mlflow.sock',
      HTGATE_LISTEN: ':80 [::1]:81, unix:/run/gate.sock',
      HTGATE_TLS_CERT: 'c',
      HTGATE_TLS_KEY: 'k',
      HTGATE_UPSTREAM_TIMEOUT: '2.5',
      HTGATE_LOG: 'text',
      HTGATE_TRUST_PROXY: 'loopback 10.0.0.0/8',
    }
    const found = settings([], env)
    expect(found).toMatchObject({
      file: 'g',
      upstream: { socketPath: '/run/mlflow.sock' },
      listen: [{ host: undefined, port: 80 }, { host: '::1', port: 81 }, { path: '/run/gate.sock' }],
      tlsCert: 'c',
      tlsKey: 'k',
      upstreamTimeout: 2500,
      log: 'text',
    })
    expect(['127.0.0.1', '10.1.2.3', '192.168.0.1'].map((address) => found.trustProxy.has(address))).toEqual([
      true,
      true,
      false,
    ])
  })

  test('the command line takes precedence', () => {
    const env = { HTGATE_FILE: 'g', HTGATE_LISTEN: ':1', HTGATE_LOG: 'text' }
    const args = [...MUST, '--listen', ':2', '--listen', ':3', '--log', 'off']
    expect(settings(args, env)).toMatchObject({ file: 'f', listen: [{ port: 2 }, { port: 3 }], log: 'off' })
  })

  test('a toggle is true or false', () => {
    expect(settings(['--file', 'f'], { HTGATE_FORWARD_AUTH: 'true' }).upstream).toBeUndefined()
    expect(settings(MUST, { HTGATE_FORWARD_AUTH: 'false' }).upstream).toBeDefined()
    expect(refusal(MUST, { HTGATE_FORWARD_AUTH: 'perhaps' })).toMatch(/^2 HTGATE_FORWARD_AUTH: 'perhaps'/)
  })
})

test('an invalid value is reported with its variable', () => {
  expect(refusal(MUST, { HTGATE_WORKERS: 'x' })).toMatch(/^2 HTGATE_WORKERS: 'x' is not/)
  expect(refusal(MUST, { HTGATE_LISTEN: 'x' })).toMatch(/^2 HTGATE_LISTEN: 'x' is not/)
  expect(refusal(['--forward-auth', '--file', 'f'], { HTGATE_UPSTREAM: 'http://h' })).toMatch(
    /^2 HTGATE_UPSTREAM and --forward-auth cannot be used together/,
  )
})

test('unknown variables are reported, except those that Kubernetes sets', () => {
  const env = {
    HTGATE_TLS_CERTS: 'c',
    HTGATE_FILE: 'f',
    HTGATE_SERVICE_HOST: 'h',
    HTGATE_PORT: 'p',
    PATH: '',
  }
  expect(unknownVariables(env)).toEqual(['HTGATE_TLS_CERTS'])
})

test('a path in the upstream URL is prepended to the request’s', () => {
  expect(settings(['--file', 'f', '--upstream', 'https://h/a/b/']).upstream).toEqual({
    text: 'https://h/a/b/',
    origin: 'https://h',
    prefix: '/a/b',
    socketPath: undefined,
  })
})

const LDAP = ['--ldap-url', 'ldaps://h/dc=x', '--upstream', 'http://h']

test.each([
  [[], '--file, --ldap-url, --oidc-issuer or --token-file is required'],
  [[...LDAP, '--ldap-bind-dn', 'cn=x'], '--ldap-bind-dn requires --ldap-bind-password-file'],
  [[...LDAP, '--ldap-bind-password-file', 'f'], '--ldap-bind-password-file requires --ldap-bind-dn'],
  [[...LDAP, '--ldap-bind-as', 'corp'], "--ldap-bind-as: 'corp' is not a template with exactly one {}"],
  [[...LDAP, '--ldap-bind-as', '{}', '--ldap-bind-dn', 'x'], '--ldap-bind-as and --ldap-bind-dn cannot be'],
  [[...LDAP, '--ldap-group-filter', '(cn=x)'], '--ldap-group-filter requires --ldap-group-base'],
  [[...LDAP, '--ldap-timeout', '0'], "--ldap-timeout: '0' is not a number of seconds from 0.1 to 300"],
  [[...MUST, '--ldap-starttls'], '--ldap-starttls requires --ldap-url'],
  [
    ['--ldap-url', 'http://h', '--upstream', 'http://h'],
    '--ldap-url: LDAP URL "http://h" is not an LDAP URL',
  ],
  [['--file', 'f'], '--upstream is required'],
  [[...MUST, '--forward-auth'], '--upstream and --forward-auth cannot be used together'],
  [[...MUST, '--nonsense'], "unknown option '--nonsense'"],
  [[...MUST, 'operand'], "unexpected argument 'operand'"],
  [[...MUST, '--forward-auth=yes'], '--forward-auth takes no value'],
  [[...MUST, '--file'], '--file requires a value'],
  [[...MUST, '--log'], '--log requires a value: json, text or off'],
  [[...MUST, '--completion'], '--completion requires a value: bash, zsh or fish'],
  [['--file', 'f', '--upstream', 'mlflow:5000'], "--upstream: 'mlflow:5000' is not"],
  [['--file', 'f', '--upstream', 'ftp://h'], "--upstream: 'ftp://h' is not"],
  [['--file', 'f', '--upstream', 'http://h/?q'], "--upstream: 'http://h/?q' is not"],
  [['--file', 'f', '--upstream', 'http://me:secret@h'], "--upstream: 'http://…@h' is not"],
  [[...MUST, '--listen', 'localhost'], "--listen: 'localhost' is not"],
  [[...MUST, '--listen', ''], "--listen: '' is not"],
  [[...MUST, '--listen', ':99999'], "--listen: ':99999' is not"],
  [[...MUST, '--tls-cert', 'c'], '--tls-cert requires --tls-key'],
  [[...MUST, '--upstream-ca', 'c'], '--upstream-ca requires an https upstream'],
  [[...MUST, '--upstream-host', 'a b'], "--upstream-host: 'a b' is not"],
  [[...MUST, '--upstream-timeout', 'soon'], "--upstream-timeout: 'soon' is not"],
  [[...MUST, '--trust-proxy', '10.0.0.0/33'], "--trust-proxy: '10.0.0.0/33' is not"],
  [[...MUST, '--trust-proxy', '10.0.0.0/8/9'], "--trust-proxy: '10.0.0.0/8/9' is not"],
  [[...MUST, '--trust-proxy', 'everybody'], "--trust-proxy: 'everybody' is not"],
  [[...MUST, '--realm', 'Zoë'], "--realm: 'Zoë' is not"],
  [[...MUST, '--log', 'xml'], "--log: 'xml' is not one of json, text, off"],
  [[...MUST, '--completion', 'tcsh'], "--completion: 'tcsh' is not bash, zsh or fish"],
  [[...MUST, '--workers', '0'], "--workers: '0' is not"],
  [[...MUST, '--login-failures', '-1'], "--login-failures: '-1' is not"],
])('%j is rejected: %s', (args, message) => {
  expect(refusal(args as string[])).toContain(`2 ${message}`)
})

test('a port alone is rejected with a hint, since the address is missing', () => {
  try {
    parse([...MUST, '--listen', '8080'], {})
    expect.unreachable()
  } catch (error) {
    expect((error as Error).message).toContain(
      "--listen: '8080' is not an address\nhint: ':8080' listens on all addresses, '127.0.0.1:8080' on this machine only",
    )
  }
})

/** The hint for an invalid command line. */
function hint(args: string[]): string | undefined {
  try {
    parse([...MUST, ...args], {})
  } catch (error) {
    return /^hint: (.*)$/m.exec((error as Error).message)?.[1]
  }
  return 'accepted'
}

test.each([
  [['--listen', 'localhost'], "did you mean 'localhost:8080'?"],
  [['--listen', 'http://localhost:9000/'], "did you mean 'localhost:9000'?"],
  [['--listen', '::1'], "did you mean '[::1]:8080'?"],
  [['--listen', '::1:9000'], "did you mean '[::1]:9000'?"],
  [['--listen', 'fd00:1:2:3:4:5:6:7:9000'], "did you mean '[fd00:1:2:3:4:5:6:7]:9000'?"],
  [['--listen', '[::]'], "did you mean '[::]:8080'?"],
  [['--listen', '/run/htgate.sock'], "did you mean 'unix:/run/htgate.sock'?"],
  [['--listen', ':http'], undefined],
  [['--upstream', '127.0.0.1:5000'], "did you mean 'http://127.0.0.1:5000'?"],
  [['--upstream', 'mlflow:5000'], "did you mean 'http://mlflow:5000'?"],
  [['--upstream', '5000'], "did you mean 'http://127.0.0.1:5000'?"],
  [['--upstream', '/run/mlflow.sock'], "did you mean 'unix:/run/mlflow.sock'?"],
  [['--upstream', 'ftp://h'], undefined],
  [['--lisen', ':80'], 'did you mean --listen?'],
  [['--listne=:80'], 'did you mean --listen?'],
  [['--tls-crt', 'c'], 'did you mean --tls-cert?'],
  [['--nonsense'], undefined],
  [['check'], 'did you mean --check?'],
  [['mlflow'], 'a command to guard goes after --'],
  [['mlflow', 'server', '--port', '{port}'], 'put -- before the command to guard: -- mlflow …'],
])('%j: the hint says what was probably meant', (args, text) => {
  expect(hint(args)).toBe(text)
})

test('misspelled variables are compared with known ones', () => {
  expect(variablesMeant(['HTGATE_LISTNE', 'HTGATE_FIL', 'HTGATE_XYZZY'])).toEqual([
    'HTGATE_LISTEN',
    'HTGATE_FILE',
  ])
})

describe('no password in an invalid command line is repeated in the error', () => {
  const URLS = [
    'http://alice:hunter2@h/x?y',
    'HTTPS://alice:hunter2@h',
    'http:/alice:hunter2@h',
    'alice:hunter2@h:5000',
    'https://alice:x/hunter2@h:1',
    'http://alice:hunter2?@h',
    'http://alice:x@hunter2@h',
    'ldap://cn=x:hunter2@h:389/dc=x',
    'https://hunter2@h:99999999',
    '//alice:hunter2@h',
    'http://alice:hunter2@h/gate.sock?x',
    'alice:hunter2@h/x.sock',
  ]
  const OIDC = ['--oidc-client-id', 'x', '--oidc-client-secret-file', 'f']
  test.each([
    ['--upstream', ['--file', 'f']],
    ['--listen', MUST],
    ['--admin', MUST],
    ['--trust-proxy', MUST],
    ['--cors-origins', MUST],
    ['--ldap-url', ['--upstream', 'http://h']],
    ['--oidc-issuer', [...OIDC, '--upstream', 'http://h']],
    ['--oidc-redirect-url', [...OIDC, '--oidc-issuer', 'https://h', '--upstream', 'http://h']],
  ])('%s', (flag, others) => {
    for (const url of URLS) {
      const said = printedError([...others, flag, url])
      expect(said).toContain('…@h')
      expect(said).not.toContain('hunter2')
    }
  })

  test('--oidc-trust', () => {
    const said = refusal([...MUST, '--oidc-trust', 'issuer=https://alice:hunter2@h,audience=x'])
    expect(said).toContain("'https://…@h' is not an https URL")
  })

  test.each([
    '--ldap-bind-password=hunter2',
    '--file f -- mlflow server --backend-store-uri postgresql://u:hunter2@db',
    '--file f mlflow server --backend-store-uri postgresql://u:hunter2@db --port {port}',
  ])('%s', (line) => {
    expect(printedError(line.split(' '))).not.toContain('hunter2')
  })
})

const printed = (args: string[]) => (parse(args, {}) as { text: string }).text

test.each(['-V', '-v', '--version'])('%s prints the version', (flag) => {
  expect(printed([flag])).toMatch(/^htgate \d+\.\d+\.\d+\n$/)
})

test.each(['-h', '--help'])('%s prints every option under a heading, with its default', (flag) => {
  const text = printed([flag])
  for (const { flag } of OPTIONS) expect(text).toMatch(new RegExp(`^  (-., |    )?${flag}\\b`, 'm'))
  for (const { heading } of GROUPS) expect(text).toContain(`\n${heading}:\n`)
  expect(text.replaceAll(/\s+/g, ' ')).toContain('(default: sockets from systemd, or else 127.0.0.1:8080)')
  expect(text.replaceAll(/\s+/g, ' ')).toContain('(default: 360 s)')
})

test.each([10, 40, 60, 80, 100, 120, 300])('--help fits a terminal of %d columns', (columns) => {
  const width = Math.min(120, Math.max(40, columns))
  for (const line of helpText(columns).split('\n')) {
    if (!line.includes('http://HOST')) expect(line.length, line).toBeLessThanOrEqual(width)
  }
})

test('docs/options.md is up to date', async () => {
  const { stdout } = await run(process.execPath, ['scripts/options-page.js'])
  expect(readFileSync('docs/options.md', 'utf8'), 'run: npm run docs').toBe(stdout.toString())
})

test.each(SHELLS)('--completion %s prints its completions', (shell) => {
  // The build creates them.
  const file = readFileSync(`dist/completions/${shell}`, 'utf8')
  expect(file).toContain('htgate')
  expect(execFileSync(process.execPath, ['bin/htgate.js', '--completion', shell], { encoding: 'utf8' })).toBe(
    file,
  )
})

test('addresses', () => {
  expect(parseAddress('127.0.0.1:80')).toEqual({ host: '127.0.0.1', port: 80 })
  expect(parseAddress('[::]:80')).toEqual({ host: '::', port: 80 })
  for (const text of [':0', '*:0']) expect(parseAddress(text)).toEqual({ host: undefined, port: 0 })
  for (const text of ['', '80', '::1:80', '[::1]', '[x]:80', 'h:port', 'unix:'])
    expect(parseAddress(text), text).toBeUndefined()
})

test('systemd’s sockets are only for the process that it names', () => {
  expect(systemdSockets({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7)).toEqual([{ fd: 3 }, { fd: 4 }])
  expect(systemdSockets({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 8)).toEqual([])
})

test('providers follow the order of the command line, then the environment', () => {
  const order = (args: string[], env = {}) =>
    settings(['--upstream', 'http://h', ...args], env).order.filter(
      (key) => key === 'file' || key === 'ldapUrl',
    )
  expect(order(['--file', 'f', '--ldap-url', 'ldaps://h'])).toEqual(['file', 'ldapUrl'])
  expect(order(['--ldap-url', 'ldaps://h', '--file', 'f'])).toEqual(['ldapUrl', 'file'])
  expect(order(['--ldap-url', 'ldaps://h'], { HTGATE_FILE: 'f' })).toEqual(['ldapUrl', 'file'])
  expect(order([], { HTGATE_FILE: 'f', HTGATE_LDAP_URL: 'ldaps://h' })).toEqual(['file', 'ldapUrl'])
})
