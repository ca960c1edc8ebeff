import type { Finding } from '../../provider.js'
import type { Entry } from './ber.js'
import { type Connection, code } from './connection.js'
import { failureOf } from './diagnosis.js'
import type { Directory } from './directory.js'
import { DirectoryError } from './errors.js'
import { allOf, present } from './filter.js'
import type { LdapSettings } from './options.js'
import { type Endpoint, nameOf } from './url.js'

const DAY = 86_400_000
/** Warn about certificates that expire within this many days. */
const SOON = 14

/** Tests each server, the service account, and the bases. */
export async function checkDirectory(settings: LdapSettings, directory: Directory): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const endpoint of settings.url.endpoints) {
    try {
      for await (const finding of checkServer(settings, directory, endpoint)) findings.push(finding)
    } catch (error) {
      findings.push(failed(error, nameOf(endpoint)))
    }
  }
  return findings
}

async function* checkServer(
  settings: LdapSettings,
  directory: Directory,
  endpoint: Endpoint,
): AsyncGenerator<Finding> {
  const { connection } = await directory.connect(directory.deadline(), endpoint)
  const { server } = connection
  try {
    yield { state: 'works', text: `${server} responds${words(settings)}` }
    yield* checkCertificate(connection)
    if (settings.bindAs !== undefined) {
      yield {
        state: 'works',
        text: `${server}: users bind as ${settings.bindAs}; --check --user NAME tests it`,
      }
      return
    }
    await directory.bindService(connection)
    if (settings.bindDn === undefined) {
      yield {
        state: 'warning',
        text: `${server}: searches are anonymous`,
        hint: 'many directories show anonymous users little or nothing; see --ldap-bind-dn',
      }
    } else yield { state: 'works', text: `${server}: bound as ${settings.bindDn}` }
    yield await checkUsers(connection, settings)
    if (settings.groupBase !== undefined) yield await checkGroups(connection, settings.groupBase)
  } finally {
    connection.close()
  }
}

const words = ({ security }: LdapSettings): string =>
  security === 'none' ? ', without TLS' : security === 'tls' ? ' with TLS' : ' with StartTLS'

function* checkCertificate(connection: Connection): Generator<Finding> {
  const end = connection.certificate?.valid_to
  if (end === undefined) return
  const days = Math.floor((Date.parse(end) - Date.now()) / DAY)
  const text = `${connection.server}: the certificate expires in ${days} days`
  if (days >= SOON) yield { state: 'works', text }
  else yield { state: 'warning', text, hint: 'renew it on the directory server' }
}

async function checkUsers(connection: Connection, { url, filter }: LdapSettings): Promise<Finding> {
  const { base, scope, attribute } = url
  const query = {
    base,
    scope,
    filter: allOf([filter, present(attribute)]),
    attributes: [attribute],
    limit: 1,
  }
  const { entries, result } = await connection.search(query)
  if (result.code !== code.success && result.code !== code.sizeLimitExceeded) {
    return failed(failureOf(connection.server, result, `the search in ${base || '""'}`), connection.server)
  }
  const where = `in ${base || '""'} by ${attribute}`
  if (entries.length > 0) return { state: 'works', text: `${connection.server}: found users ${where}` }
  return {
    state: 'fails',
    text: `${connection.server}: found no users ${where} with the filter ${url.filter}`,
    hint: 'check the attribute and filter in --ldap-url, and what the service account may read',
  }
}

async function checkGroups(connection: Connection, base: string): Promise<Finding> {
  const query = { base, scope: 'sub', filter: present('cn'), attributes: ['cn'], limit: 1 } as const
  const { entries, result } = await connection.search(query)
  if (result.code !== code.success && result.code !== code.sizeLimitExceeded) {
    return failed(failureOf(connection.server, result, `the search for groups in ${base}`), connection.server)
  }
  const [group]: readonly Entry[] = entries
  if (group !== undefined) return { state: 'works', text: `${connection.server}: found groups in ${base}` }
  return {
    state: 'warning',
    text: `${connection.server}: found no groups in ${base}`,
    hint: 'check --ldap-group-base, and what the service account may read',
  }
}

function failed(error: unknown, server: string): Finding {
  if (!(error instanceof DirectoryError))
    return { state: 'fails', text: `${server}: ${(error as Error).message}` }
  return { state: 'fails', text: error.message, hint: error.hint }
}
