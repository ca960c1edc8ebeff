import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peer } from './peers.js'
import { run } from './run.js'
import { freePort, type Server, startServer } from './servers.js'

export interface Postgres extends Server {
  /** Runs SQL as the superuser. */
  sql(statement: string): Promise<void>
  /** The URI with which SQLAlchemy logs in as `user`. */
  uri(user: string, password: string): string
}

const SUPERUSER = 'postgres'
const PASSWORD = 'superuser-secret'

/** Starts a new PostgreSQL cluster in `folder`, which requires a password of every user. */
export async function startPostgres(folder: string): Promise<Postgres> {
  const port = await freePort()
  const data = join(folder, 'data')
  const passwordFile = join(folder, 'password')
  mkdirSync(folder)
  writeFileSync(passwordFile, PASSWORD)
  // PostgreSQL refuses to run as root.
  const uid = process.getuid?.() === 0 ? await idOf('postgres') : undefined
  if (uid !== undefined) for (const path of [folder, passwordFile]) chownSync(path, uid, uid)
  const as = uid === undefined ? {} : { uid }

  const options = [`--pgdata=${data}`, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, '--no-sync']
  await must(run(peer('initdb') as string, [...options, '--auth=scram-sha-256', '--encoding=UTF8'], as))
  const server = await startServer(
    peer('postgres') as string,
    ['-D', data, '-h', '127.0.0.1', '-p', `${port}`, '-k', folder, '-F'],
    { port, ...as },
  )
  return {
    ...server,
    uri: (user, password) =>
      `postgresql+psycopg2://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${user}`,
    async sql(statement) {
      const args = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', `${port}`, '-U', SUPERUSER]
      await must(run(peer('psql') as string, [...args, '-c', statement], { env: { PGPASSWORD: PASSWORD } }))
    },
  }
}

async function idOf(user: string): Promise<number> {
  return Number((await must(run('id', ['-u', user]))).stdout)
}

async function must(running: ReturnType<typeof run>): ReturnType<typeof run> {
  const result = await running
  if (result.status !== 0) throw new Error(`exit ${result.status}: ${result.stderr}`)
  return result
}
