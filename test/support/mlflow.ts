import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { peer } from './peers.js'
import { type Result, run } from './run.js'
import { freePort, type Server, startServer } from './servers.js'

const QUIET = { MLFLOW_DISABLE_TELEMETRY: 'true', GIT_PYTHON_REFRESH: 'quiet', PYTHONUNBUFFERED: '1' }

/** A real MLflow tracking server that keeps everything in `folder`; its runs in SQLite unless `store` says otherwise. */
export async function startMlflow(
  folder: string,
  { store = `sqlite:///${join(folder, 'mlflow.db')}`, args = [] }: { store?: string; args?: string[] } = {},
): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const options = [
    ...['--backend-store-uri', store, '--artifacts-destination', join(folder, 'artifacts')],
    ...['--host', '127.0.0.1', '--port', `${port}`, '--workers', '1'],
  ]
  return startServer(peer('mlflow') as string, ['server', ...options, ...args], {
    port,
    cwd: folder,
    env: { ...QUIET, HOME: folder, TMPDIR: folder },
    patience: 120_000,
  })
}

/** MLflow's own client, as its user runs it: a Python script with these variables in its environment. */
export function mlflowClient(script: string, args: string[], env: Record<string, string>): Promise<Result> {
  const python = join(peer('mlflow') as string, '..', 'python')
  return run(python, [script, ...args], { env: { ...QUIET, ...env } })
}
