import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { peer } from './peers.js'
import { basic } from './requests.js'
import { type Result, run } from './run.js'
import { freePort, type Server, startServer } from './servers.js'

/** MLflow settings that only affect how long it takes to start. */
export const QUIET = {
  MLFLOW_DISABLE_TELEMETRY: 'true',
  GIT_PYTHON_REFRESH: 'quiet',
  PYTHONUNBUFFERED: '1',
  // Avoids eight processes that take three times as long to start as the server itself.
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
  MLFLOW_WORKERS: '1',
}

export interface MlflowOptions {
  readonly store?: string
  readonly args?: readonly string[]
  /** The peer: `mlflow` is the latest release, `mlflow-2.22` the last 2.x. */
  readonly version?: 'mlflow' | 'mlflow-2.22'
  readonly env?: Record<string, string>
}

/** Starts a real MLflow tracking server that stores everything in `folder`; runs are in SQLite unless there is a `store`. */
export async function startMlflow(
  folder: string,
  {
    store = `sqlite:///${join(folder, 'mlflow.db')}`,
    args = [],
    version = 'mlflow',
    env = {},
  }: MlflowOptions = {},
): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const options = [
    ...['--backend-store-uri', store, '--artifacts-destination', join(folder, 'artifacts')],
    ...['--host', '127.0.0.1', '--port', `${port}`],
  ]
  return startServer(peer(version) as string, ['server', ...options, ...args], {
    port,
    cwd: folder,
    env: { ...QUIET, HOME: folder, TMPDIR: folder, ...env },
    patience: 120_000,
  })
}

/** Runs a Python script with MLflow's own client, with these variables in its environment. */
export function mlflowClient(script: string, args: string[], env: Record<string, string>): Promise<Result> {
  const python = join(peer('mlflow') as string, '..', 'python')
  return run(python, [script, ...args], { env: { ...QUIET, ...env } })
}

/** Posts JSON as a user whose password is the name, and returns the JSON of the response, which must be 200. */
// biome-ignore lint/suspicious/noExplicitAny: MLflow's JSON
export async function postJson(url: string, user: string, body: object): Promise<any> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: basic(user, user), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  expect(response.status, text).toBe(200)
  return JSON.parse(text)
}

/** Everything that an MLflow server stores in its folder: the rows of its database, and its artifacts with their contents. */
export async function stateOf(folder: string): Promise<string[]> {
  const python = join(peer('mlflow') as string, '..', 'python')
  const { status, stdout, stderr } = await run(python, ['-c', DUMP, folder])
  if (status !== 0) throw new Error(stderr.toString())
  return stdout.toString().split('\n')
}

const DUMP = `
import hashlib, pathlib, sqlite3, sys
folder = pathlib.Path(sys.argv[1])
for line in sqlite3.connect(folder / 'mlflow.db').iterdump():
    print(line)
for path in sorted((folder / 'artifacts').rglob('*')):
    print(path, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else '')
`
