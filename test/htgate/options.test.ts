import { describe, expect, test } from 'vitest'
import { Exit } from '../../src/htgate/exit-status.js'
import { parse, type Settings, unknownVariables } from '../../src/htgate/options.js'
import { parseAddress, systemdSockets } from '../../src/system/address.js'

const MUST = ['--file', 'f', '--upstream', 'http://127.0.0.1:5000']

const settings = (args: string[], env: Record<string, string> = {}) => parse(args, env) as Settings

/** What is said about a command line that makes no sense, and with which status. */
function refusal(args: string[], env: Record<string, string> = {}): string {
  try {
    parse(args, env)
  } catch (error) {
    if (error instanceof Exit) return `${error.status} ${error.message.split('\n')[0]}`
    throw error
  }
  return 'accepted'
}

test('without options but the file and the upstream', () => {
  expect(settings(MUST)).toMatchObject({
    file: 'f',
    realm: 'MLflow Login',
    upstream: { origin: 'http://127.0.0.1:5000', prefix: '', socketPath: undefined },
    upstreamTimeout: 120_000,
    listen: [],
    loginFailures: 10,
    workers: 1,
    log: 'json',
    drainTimeout: 30_000,
  })
})

describe('each option is an environment variable too', () => {
  test('HTGATE_ and its name', () => {
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
    expect(['127.0.0.1', '10.1.2.3', '192.168.0.1'].map((address) => found.trust.has(address))).toEqual([
      true,
      true,
      false,
    ])
  })

  test('the command line wins', () => {
    const env = { HTGATE_FILE: 'g', HTGATE_LISTEN: ':1', HTGATE_LOG: 'text' }
    const args = [...MUST, '--listen', ':2', '--listen', ':3', '--log', 'off']
    expect(settings(args, env)).toMatchObject({ file: 'f', listen: [{ port: 2 }, { port: 3 }], log: 'off' })
  })

  test('a switch is true or false', () => {
    expect(settings(['--file', 'f'], { HTGATE_FORWARD_AUTH: 'true' }).upstream).toBeUndefined()
    expect(settings(MUST, { HTGATE_FORWARD_AUTH: 'false' }).upstream).toBeDefined()
    expect(refusal(MUST, { HTGATE_FORWARD_AUTH: 'perhaps' })).toMatch(/^2 HTGATE_FORWARD_AUTH: 'perhaps'/)
  })
})

test('a value that makes no sense is blamed on the variable that it came from', () => {
  expect(refusal(MUST, { HTGATE_WORKERS: 'x' })).toMatch(/^2 HTGATE_WORKERS: 'x' is not/)
  expect(refusal(MUST, { HTGATE_LISTEN: 'x' })).toMatch(/^2 HTGATE_LISTEN: 'x' is not/)
  expect(refusal(['--forward-auth', '--file', 'f'], { HTGATE_UPSTREAM: 'http://h' })).toMatch(
    /^2 HTGATE_UPSTREAM and --forward-auth exclude/,
  )
})

test('variables that are no options are found; those that Kubernetes sets are not meant', () => {
  const env = {
    HTGATE_TLS_CERTS: 'c',
    HTGATE_FILE: 'f',
    HTGATE_SERVICE_HOST: 'h',
    HTGATE_PORT: 'p',
    PATH: '',
  }
  expect(unknownVariables(env)).toEqual(['HTGATE_TLS_CERTS'])
})

test('a path in the upstream comes before every request’s', () => {
  expect(settings(['--file', 'f', '--upstream', 'https://h/a/b/']).upstream).toEqual({
    origin: 'https://h',
    prefix: '/a/b',
    socketPath: undefined,
  })
})

test.each([
  [[], '--file is missing'],
  [['--file', 'f'], '--upstream is missing'],
  [[...MUST, '--forward-auth'], '--upstream and --forward-auth exclude each other'],
  [[...MUST, '--nonsense'], "unknown option '--nonsense'"],
  [[...MUST, 'operand'], 'too many arguments'],
  [['--file', 'f', '--upstream', 'mlflow:5000'], "--upstream: 'mlflow:5000' is not"],
  [['--file', 'f', '--upstream', 'ftp://h'], "--upstream: 'ftp://h' is not"],
  [['--file', 'f', '--upstream', 'http://h/?q'], "--upstream: 'http://h/?q' is not"],
  [['--file', 'f', '--upstream', 'http://me:secret@h'], "--upstream: 'http://…@h' is not"],
  [[...MUST, '--listen', 'localhost'], "--listen: 'localhost' is not"],
  [[...MUST, '--listen', ''], "--listen: '' is not"],
  [[...MUST, '--listen', ':99999'], "--listen: ':99999' is not"],
  [[...MUST, '--tls-cert', 'c'], '--tls-cert and --tls-key go together'],
  [[...MUST, '--upstream-ca', 'c'], '--upstream-ca is of use only with an https upstream'],
  [[...MUST, '--upstream-host', 'a b'], "--upstream-host: 'a b' is not"],
  [[...MUST, '--upstream-timeout', 'soon'], "--upstream-timeout: 'soon' is not"],
  [[...MUST, '--trust-proxy', '10.0.0.0/33'], "--trust-proxy: '10.0.0.0/33' is not"],
  [[...MUST, '--trust-proxy', '10.0.0.0/8/9'], "--trust-proxy: '10.0.0.0/8/9' is not"],
  [[...MUST, '--trust-proxy', 'everybody'], "--trust-proxy: 'everybody' is not"],
  [[...MUST, '--realm', 'Zoë'], "--realm: 'Zoë' is not"],
  [[...MUST, '--log', 'xml'], "option '--log <format>' argument 'xml' is invalid"],
  [[...MUST, '--workers', '0'], "--workers: '0' is not"],
  [[...MUST, '--login-failures', '-1'], "--login-failures: '-1' is not"],
])('%j makes no sense: %s', (args, message) => {
  expect(refusal(args as string[])).toContain(`2 ${message}`)
})

test('--help and --version say so, and nothing starts', () => {
  expect(parse(['--version'], {})).toMatchObject({ text: expect.stringMatching(/^htgate \d+\.\d+\.\d+/) })
  expect(parse(['--help'], {})).toMatchObject({ text: expect.stringContaining('--trust-proxy') })
})

test('addresses', () => {
  expect(parseAddress('127.0.0.1:80')).toEqual({ host: '127.0.0.1', port: 80 })
  expect(parseAddress('[::]:80')).toEqual({ host: '::', port: 80 })
  expect(parseAddress(':0')).toEqual({ host: undefined, port: 0 })
  for (const text of ['', '80', '::1:80', '[::1]', '[x]:80', 'h:port', 'unix:'])
    expect(parseAddress(text), text).toBeUndefined()
})

test('systemd’s sockets are for the process that it names', () => {
  expect(systemdSockets({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7)).toEqual([{ fd: 3 }, { fd: 4 }])
  expect(systemdSockets({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 8)).toEqual([])
})
