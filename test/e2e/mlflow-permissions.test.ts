import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startHtgate } from '../support/htgate.js'
import { startMlflow } from '../support/mlflow.js'
import { describeWith } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { htpasswd } from '../support/run.js'
import type { Server } from '../support/servers.js'

// deploy/mlflow: MLflow's own permissions, for users that htgate has logged in.

describeWith(['mlflow'], 'MLflow 3 with basic-auth', () => permissions('mlflow'))
describeWith(['mlflow-2.22'], 'MLflow 2.22 with basic-auth', () => permissions('mlflow-2.22'))

function permissions(version: 'mlflow' | 'mlflow-2.22'): void {
  let folder: string
  let mlflow: Server
  let gate: Server

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'htgate-permissions-'))
    const passwords = join(folder, 'htpasswd')
    writeFileSync(passwords, '')
    for (const user of ['admin', 'zoë', 'bob']) await htpasswd(['-bB', '-C', '4', passwords, user, 'secret'])
    copyFileSync('deploy/mlflow/htgate_auth.py', join(folder, 'htgate_auth.py'))
    const ini = readFileSync('deploy/mlflow/basic_auth.ini', 'utf8')
    // 2.22 takes the first password from here.
    const config = `${ini.replace('basic_auth.db', join(folder, 'auth.db'))}admin_password = never used 123\n`
    writeFileSync(join(folder, 'basic_auth.ini'), config)
    mlflow = await startMlflow(join(folder, 'mlflow'), {
      version,
      args: ['--app-name', 'basic-auth'],
      env: {
        MLFLOW_AUTH_CONFIG_PATH: join(folder, 'basic_auth.ini'),
        MLFLOW_FLASK_SERVER_SECRET_KEY: 'a secret for the test',
        PYTHONPATH: resolve(folder),
      },
    })
    gate = await startHtgate(['--file', passwords, '--upstream', mlflow.url])
  }, 180_000)

  afterAll(async () => {
    await gate?.stop()
    await mlflow?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function call(user: string, path: string, body?: object, headers: Record<string, string> = {}) {
    const response = await fetch(`${gate.url}/api/2.0/mlflow/${path}`, {
      method: body ? 'POST' : 'GET',
      headers: { authorization: basic(user, 'secret'), 'content-type': 'application/json', ...headers },
      ...(body && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, text }
  }

  test('users are created on their first request, and permissions apply to each', async () => {
    const created = await call('zoë', 'experiments/create', { name: 'of zoë' })
    expect(created.status, created.text).toBe(200)
    const { experiment_id } = JSON.parse(created.text)

    // The default permission is READ.
    expect((await call('bob', `experiments/get?experiment_id=${experiment_id}`)).status).toBe(200)
    const rename = { experiment_id, new_name: 'renamed' }
    expect((await call('bob', 'experiments/update', rename)).status).toBe(403)
    expect((await call('zoë', 'experiments/update', rename)).status).toBe(200)
    expect(
      (await call('admin', 'experiments/update', { experiment_id, new_name: 'by the admin' })).status,
    ).toBe(200)

    const user = await call('admin', `users/get?username=${encodeURIComponent('zoë')}`)
    expect(JSON.parse(user.text).user).toMatchObject({ username: 'zoë', is_admin: false })
  })

  test('users cannot impersonate others with a header', async () => {
    for (const name of ['X-Forwarded-User', 'X_Forwarded_User', 'Remote-User']) {
      const made = await call(
        'bob',
        'users/create',
        { username: 'x', password: 'long enough 123' },
        { [name]: 'admin' },
      )
      expect(made.status, name).toBe(403)
    }
  })

  test('MLflow itself rejects requests without the gate’s header', async () => {
    const response = await fetch(`${mlflow.url}/api/2.0/mlflow/experiments/search?max_results=1`, {
      headers: { authorization: basic('admin', 'never used 123') },
    })
    expect(response.status).toBe(401)
    expect(await response.text()).toContain('through htgate only')
  })
}
