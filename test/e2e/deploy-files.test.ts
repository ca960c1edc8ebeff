import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Trust, unmet } from '../../src/auth/providers/oidc/trust.js'
import { parse, unknownVariables } from '../../src/htgate/command-line.js'
import type { Settings } from '../../src/htgate/options/index.js'
import { makeCertificate } from '../support/certificate.js'
import { startEcho } from '../support/echo.js'
import { temporaryFolder } from '../support/folder.js'
import { describeWith, peer } from '../support/peers.js'
import { statusFor } from '../support/requests.js'
import { htpasswd, type Result, run } from '../support/run.js'
import { freePort, startServer } from '../support/servers.js'

// Files in deploy/ that cannot run in a test are checked by the program that reads them, or its linter. The proxies'
// configuration runs for real in fronts.test.ts.

/** Runs a peer, which must report no problem. */
async function expectNoComplaint(name: string, args: string[], env = {}): Promise<Result> {
  const result = await run(peer(name) as string, args, { env })
  expect(`${result.stdout}${result.stderr}`, `${name} ${args.join(' ')}`).not.toMatch(/error|warn/i)
  expect(result.status).toBe(0)
  return result
}

/** systemd's units with the path of a command that exists. */
function units(): { service: string; socket: string } {
  const folder = temporaryFolder()
  const service = join(folder, 'htgate.service')
  const socket = join(folder, 'htgate.socket')
  const text = readFileSync('deploy/systemd/htgate.service', 'utf8')
  writeFileSync(service, text.replace('ExecStart=htgate', `ExecStart=${resolve('bin/htgate.js')}`))
  copyFileSync('deploy/systemd/htgate.socket', socket)
  return { service, socket }
}

describeWith(['systemd-analyze'], 'systemd', () => {
  test('knows every setting in the units', async () => {
    const { service, socket } = units()
    await expectNoComplaint('systemd-analyze', ['verify', '--man=no', service, socket])
  })

  test('rejects forbidden system calls without killing the service', () => {
    const unit = readFileSync(units().service, 'utf8')
    expect(unit).toMatch(/^SystemCallFilter=~/m)
    expect(unit).toMatch(/^SystemCallErrorNumber=EPERM$/m)
  })

  test('finds the service’s exposure to be at most 1.5 of 10', async () => {
    const { service } = units()
    await expectNoComplaint('systemd-analyze', ['security', '--offline=true', '--threshold=15', service])
  })
})

describeWith(['systemd-socket-activate'], 'systemd’s socket', () => {
  test('is passed to htgate, which serves it', async () => {
    const file = join(temporaryFolder(), 'htpasswd')
    await htpasswd(['-cbB', file, 'alice', 'secret'])
    const echo = await startEcho()
    onTestFinished(echo.stop)
    const port = await freePort()
    const variables = [`HTGATE_FILE=${file}`, `HTGATE_UPSTREAM=http://127.0.0.1:${echo.port}`]
    const activated = await startServer(
      peer('systemd-socket-activate') as string,
      [`--listen=127.0.0.1:${port}`, ...variables.map((variable) => `--setenv=${variable}`)].concat([
        process.execPath,
        resolve('bin/htgate.js'),
      ]),
      { port },
    )
    onTestFinished(activated.stop)
    expect(await statusFor(activated.url, 'alice', 'secret')).toBe(200)
    expect(await statusFor(activated.url, 'alice', 'wrong')).toBe(401)
  })
})

describeWith(['openssl'], 'LDAP', () => {
  test.each(['openldap', 'active-directory'])(
    'a shell can read deploy/ldap/%s.env, and htgate accepts every option',
    async (name) => {
      const folder = temporaryFolder()
      const password = join(folder, 'password')
      writeFileSync(password, 'secret')
      const { ca } = makeCertificate(folder, 'localhost')
      writeFileSync(join(folder, 'ca.pem'), ca)
      const text = readFileSync(`deploy/ldap/${name}.env`, 'utf8')
        .replaceAll('/etc/htgate/ldap-password', password)
        .replaceAll(/\/etc\S+\.(?:pem|crt)/g, join(folder, 'ca.pem'))
        .replaceAll(/\bldap\.example\.org|\bdc\d\.corp\.example\.org/g, '127.0.0.1:1')
      writeFileSync(join(folder, 'env'), text)
      const { status, stdout, stderr } = await run('/bin/sh', [
        '-c',
        `set -a; . ${join(folder, 'env')}; exec ${process.execPath} ${resolve('bin/htgate.js')} --check`,
      ])
      expect(stderr.toString()).not.toMatch(/unknown variable|try 'htgate --help'/)
      expect(stdout.toString()).toMatch(/^FAILS .*--ldap-url: 127\.0\.0\.1:1: connection refused$/m)
      expect(status).toBe(1)
    },
  )
})

describe('deploy/oidc', () => {
  /** The settings that a shell gets from a file, with files and secrets that exist. */
  async function settingsOf(name: string): Promise<Settings> {
    const folder = temporaryFolder()
    for (const file of ['oidc-secret', 'session-secret']) {
      writeFileSync(join(folder, file), 'a secret of more than 32 characters', { mode: 0o600 })
    }
    const text = readFileSync(`deploy/oidc/${name}.env`, 'utf8').replaceAll('/etc/htgate/', `${folder}/`)
    writeFileSync(join(folder, 'env'), text)
    const { stdout, status } = await run('/bin/sh', ['-c', `set -a; . ${join(folder, 'env')}; env -0`])
    expect(status).toBe(0)
    const pairs = stdout
      .toString()
      .split('\0')
      .map((pair) => [pair.split('=', 1)[0], pair.replace(/^[^=]*=/, '')])
    const env = Object.fromEntries(pairs.filter(([key]) => key?.startsWith('HTGATE_')))
    expect(Object.keys(env).length).toBeGreaterThan(4)
    expect(unknownVariables(env)).toEqual([])
    const settings = parse([], env)
    expect(settings).not.toHaveProperty('text')
    return settings as Settings
  }

  test.each([
    ['keycloak', 'https://id.example.org/realms/lab', 'preferred_username', 'groups', ['mlflow-api']],
    [
      'entra-id',
      'https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0',
      'preferred_username',
      'roles',
      ['66666666-7777-8888-9999-000000000000'],
    ],
    ['google', 'https://accounts.google.com', 'email', 'groups', []],
  ])(
    'a shell can read %s.env, and htgate accepts every option',
    async (name, issuer, user, groups, audience) => {
      const settings = await settingsOf(name)
      expect(settings).toMatchObject({
        oidcIssuer: issuer,
        oidcUserClaim: user,
        oidcGroupsClaim: groups,
        oidcAudience: audience,
        readers: [{ to: 'everyone' }],
      })
      expect(settings.writers.length).toBeGreaterThan(0)
      expect(settings.admins.length).toBeGreaterThan(0)
      if (name === 'google') expect(settings.oidcScope).toBe('openid email')
    },
  )

  test('ci.env admits jobs of its branches only', async () => {
    const [github, gitlab] = (await settingsOf('ci')).oidcTrust as [Trust, Trust]
    const job = { repository: 'example/train', ref: 'refs/heads/main' }
    expect(unmet(github, job)).toBeUndefined()
    expect(unmet(github, { ...job, repository: 'mallory/train' })).toBe('repository')
    expect(unmet(github, { ...job, ref: 'refs/pull/7/merge' })).toBe('ref')
    const protectedJob = { project_path: 'example/train', ref_protected: 'true' }
    expect(unmet(gitlab, protectedJob)).toBeUndefined()
    expect(unmet(gitlab, { ...protectedJob, ref_protected: 'false' })).toBe('ref_protected')
    for (const [{ audience }, file] of [
      [github, 'mlflow-github-actions.yaml'],
      [gitlab, 'mlflow-gitlab-ci.yaml'],
    ] as const) {
      const workflow = readFileSync(`deploy/ci/${file}`, 'utf8')
      expect(workflow).toMatch(new RegExp(`aud(ience)?[=:] ?${audience}\\b`))
      expect(workflow).toContain('MLFLOW_TRACKING_TOKEN')
    }
    expect(readFileSync('deploy/ci/mlflow-github-actions.yaml', 'utf8')).toContain('id-token: write')
  })

  test('keycloak-realm.json has the client, URLs and claims that the gate expects', async () => {
    const { oidcClientId, oidcGroupsClaim, oidcAudience, oidcIssuer } = await settingsOf('keycloak')
    const realm = JSON.parse(readFileSync('deploy/oidc/keycloak-realm.json', 'utf8'))
    expect(oidcIssuer).toMatch(new RegExp(`/realms/${realm.realm}$`))
    const client = realm.clients.find((each: { clientId: string }) => each.clientId === oidcClientId)
    expect(client.redirectUris).toEqual(['https://mlflow.example.org/.htgate/callback'])
    expect(client.attributes).toMatchObject({
      'pkce.code.challenge.method': 'S256',
      'post.logout.redirect.uris': 'https://mlflow.example.org/.htgate/logged-out',
      'backchannel.logout.url': 'https://mlflow.example.org/.htgate/backchannel-logout',
    })
    const configs = client.protocolMappers.map(({ config }: { config: object }) => config)
    expect(configs).toContainEqual(expect.objectContaining({ 'claim.name': oidcGroupsClaim }))
    expect(configs).toContainEqual(expect.objectContaining({ 'included.custom.audience': oidcAudience[0] }))
  })
})

describeWith(['hadolint'], 'Docker', () => {
  test('the Dockerfile passes its linter', async () => {
    const { stdout } = await expectNoComplaint('hadolint', ['--no-color', 'deploy/docker/Dockerfile'])
    expect(stdout.toString()).toBe('')
  })
})

describeWith(['docker-compose'], 'Docker Compose', () => {
  test('reads compose.yaml; MLflow is not published', async () => {
    const args = ['--file', 'deploy/docker/compose.yaml', '--project-directory', '.', 'config']
    const { stdout } = await expectNoComplaint('docker-compose', args)
    expect(stdout.toString()).not.toContain('--allowed-hosts')
    expect(stdout.toString().match(/published: .*/g)).toEqual(['published: 8080'])
  })
})

describeWith(['kubernetes-validate'], 'Kubernetes', () => {
  test('the objects match its schema', async () => {
    const args = ['--strict', 'deploy/kubernetes/mlflow.yaml']
    const { stdout, stderr } = await expectNoComplaint('kubernetes-validate', args)
    expect(`${stdout}${stderr}`.match(/passed for resource \S+/g)).toEqual([
      'passed for resource deployment/mlflow',
      'passed for resource service/mlflow',
      'passed for resource networkpolicy/mlflow',
      'passed for resource persistentvolumeclaim/mlflow',
    ])
  })
})

describeWith(['shellcheck'], 'the shell scripts', () => {
  test('pass their linter', async () => {
    await expectNoComplaint('shellcheck', ['.ci/run', 'scripts/install-peers.sh', 'scripts/test-package.sh'])
  })
})
