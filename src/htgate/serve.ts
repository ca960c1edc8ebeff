import cluster from 'node:cluster'
import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import { availableParallelism } from 'node:os'
import type { AuthEvent } from '../auth/events.js'
import { LoginLimiter } from '../auth/login-limiter.js'
import { LoginPipeline } from '../auth/login-pipeline.js'
import { createPasswordFileProvider } from '../auth/providers/password-file/provider.js'
import type { HtgateError } from '../errors.js'
import { drain } from '../gate/drain.js'
import { confirm } from '../gate/forward-auth.js'
import { Gate, type Inside } from '../gate/gate.js'
import { Rules } from '../gate/rules.js'
import { createGateServer } from '../gate/server.js'
import { openAdmin } from '../operations/admin.js'
import { Log } from '../operations/log.js'
import { Metrics } from '../operations/metrics.js'
import { algorithmOf } from '../password.js'
import { GroupFile } from '../policy/group-file.js'
import { Policy } from '../policy/policy.js'
import { crewKey, speaks } from '../processes/supervisor.js'
import { control, die } from '../processes/worker-channel.js'
import { printAddress, systemdSockets } from '../system/address.js'
import { reason } from '../system/errno.js'
import { listen } from '../system/listen.js'
import { forward } from '../upstream/proxy.js'
import { openUpstream } from '../upstream/upstream.js'
import { readCertificate } from './certificates.js'
import { errors, notices, say } from './messages.js'
import type { Settings } from './options/index.js'

/** Milliseconds that the log's reader has in any case, whatever else took the time there was. */
const LAST_LINES = 100

/** Guards until it is told to end. */
export async function guard(settings: Settings): Promise<void> {
  const orders = control()
  const tls = readCertificate(settings)
  const log = new Log(settings.log)
  const events = new EventEmitter<{ auth: [AuthEvent] }>()
  const groupFile = await openGroupFile(settings, log)
  const provider = await openPasswordFile(settings, groupFile, events)
  const limiter = new LoginLimiter({
    failures: settings.loginFailures,
    key: crewKey,
    onEvent: (event) => events.emit('auth', event),
    onRecord: (record) => orders.tell({ is: 'login', record }),
  })
  const logins = new LoginPipeline({
    providers: [provider],
    limiter,
    queue: settings.hashQueue,
    key: crewKey,
  })
  let ended = 0
  try {
    const policy = new Policy({
      profile: settings.app,
      grants: { read: settings.readers, write: settings.writers, admin: settings.admins },
      groupFile,
    })
    const rules = new Rules({
      policy,
      openPaths: settings.openPaths ?? settings.app.openPaths,
      corsOrigins: settings.corsOrigins,
      gatewayIdentity: settings.gatewayIdentity,
      asks: settings.upstream === undefined,
    })
    const { inside, close } = openInside(settings, rules, log)
    orders.onLogin = (record) => limiter.receive(record)
    const metrics = new Metrics()
    orders.metrics = () => metrics.text(logins.counters())
    const realm = settings.realm ?? settings.app.realm
    const gate = new Gate(realm, rules, logins, settings.trustProxy, log, metrics, inside)
    gate.asks = settings.upstream === undefined
    let readable = true
    logins.onChange(() => gate.changed())
    events.on('auth', (event) => {
      const { type, level, message } = event
      const fields = type === 'client-limited' ? { client: event.client, user: event.user } : {}
      if (speaks || !isOfFile(type)) log.event(level, message, fields)
      if (type !== 'loaded' && type !== 'unreadable') return
      readable = type === 'loaded'
      orders.tell({ is: readable ? 'ready' : 'not-ready' })
    })
    const servers = await openServers(settings, gate, tls)
    const admin = cluster.isPrimary
      ? await openAdmin(settings.admin, {
          ready: () => readable && groupFile?.ready !== false && !gate.draining,
          metrics: orders.metrics,
        })
      : undefined
    orders.tell({ is: 'ready' })
    orders.onReload = () => {
      void provider.reload().catch(() => {}) // The log has it.
      void groupFile?.reload()
      renewCertificate(settings, servers, log)
    }
    const why = await orders.ended
    ended = performance.now()
    if (speaks) log.event('info', notices.ending(why))
    await drain(servers, gate, settings.drainTimeout, log)
    admin?.close()
    admin?.closeAllConnections()
    await close()
    await groupFile?.close()
  } finally {
    await logins.close()
    const left = ended + settings.drainTimeout - performance.now()
    if (!(await log.close(Math.max(LAST_LINES, left)))) die()
  }
}

/** Threads that hash in this process: the processors are divided among the workers. */
const hashThreadsOf = ({ hashThreads, workers }: Settings): number =>
  hashThreads ?? Math.max(1, Math.floor(availableParallelism() / workers))

/** Whether all processes would say the same: they watch one file. */
const isOfFile = (type: AuthEvent['type']): boolean =>
  type === 'loaded' ||
  type === 'unreadable' ||
  type === 'lines-skipped' ||
  type === 'records-unusable' ||
  type === 'records-costly'

/**
 * Opens the password file and says whom it lets in.
 * @throws Exit for one that cannot be read: nobody could get in
 */
async function openPasswordFile(
  settings: Settings,
  groups: GroupFile | undefined,
  events: EventEmitter<{ auth: [AuthEvent] }>,
) {
  const first: AuthEvent[] = []
  const collect = (event: AuthEvent) => first.push(event)
  events.on('auth', collect)
  const provider = await createPasswordFileProvider({
    file: settings.file as string,
    workers: hashThreadsOf(settings),
    cacheSize: settings.cacheSize ?? 10_000,
    cacheTtl: settings.cacheTtl ?? 3_600_000,
    rehash: settings.rehash && algorithmOf(settings.rehash),
    key: crewKey,
    groups,
    onEvent: (event) => events.emit('auth', event),
  })
  await new Promise(setImmediate) // Events come in turns of their own.
  events.off('auth', collect)
  for (const event of first) {
    if (event.type === 'unreadable') {
      await provider.close()
      const { message, code } = event.error as HtgateError
      throw errors.passwordFile(message, code === 'ERR_FILE_MISSING')
    }
    if (speaks || !isOfFile(event.type))
      say(event.type === 'loaded' ? notices.guards(settings, event) : event.message)
  }
  return provider
}

/**
 * Opens the group file, if there is one.
 * @throws Exit for one that cannot be read
 */
async function openGroupFile({ groupFile: path }: Settings, log: Log): Promise<GroupFile | undefined> {
  if (path === undefined) return undefined
  let isOpen = false
  let failure: Error | undefined
  const file = await GroupFile.open(path, {
    loaded: (groups) => {
      if (speaks && isOpen) log.event('info', notices.groupFile(path, groups.size))
    },
    unreadable: (error) => {
      failure = error
      if (speaks && isOpen) log.event('error', notices.groupFileUnreadable(path, reason(error)))
    },
  })
  isOpen = true
  if (failure !== undefined) {
    await file.close()
    throw errors.cannotRead('--group-file', path, reason(failure))
  }
  return file
}

function openInside(
  settings: Settings,
  rules: Rules,
  log: Log,
): { inside: Inside; close: () => Promise<void> } {
  if (settings.upstream === undefined) return { inside: confirm, close: async () => {} }
  const upstream = openUpstream(settings, settings.upstream)
  const inside: Inside = (exchange) => forward(exchange, upstream, rules, log)
  return { inside, close: () => upstream.pool.destroy() }
}

async function openServers(
  settings: Settings,
  gate: Gate,
  tls: ReturnType<typeof readCertificate>,
): Promise<Server[]> {
  const given = [
    ...systemdSockets(process.env, cluster.isPrimary ? process.pid : process.ppid),
    ...settings.listen,
  ]
  const addresses = given.length > 0 ? given : [{ host: '127.0.0.1', port: 8080 }]
  const servers: Server[] = []
  try {
    for (const address of addresses) {
      const server = createGateServer(gate, tls)
      const actual = await listen(server, address)
      servers.push(server)
      if (speaks) say(notices.listening(printAddress(actual), tls !== undefined))
    }
    return servers
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
}

/** A certificate that is no good leaves the old one in use. */
function renewCertificate(settings: Settings, servers: readonly Server[], log: Log): void {
  try {
    const tls = readCertificate(settings)
    if (tls === undefined) return
    for (const server of servers) (server as TlsServer).setSecureContext({ ...tls, minVersion: 'TLSv1.2' })
    log.event('info', `${settings.tlsCert}: the certificate was read again`)
  } catch (error) {
    log.event('error', `${(error as Error).message}; the old certificate stays in use`)
  }
}
