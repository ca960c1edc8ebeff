import cluster from 'node:cluster'
import { LoginLimiter } from '../auth/login-limiter.js'
import { LoginPipeline } from '../auth/login-pipeline.js'
import type { CertificateProvider } from '../auth/providers/certificate/provider.js'
import type { Ending } from '../auth/sessions/ended.js'
import type { Peer } from '../gate/client-address.js'
import type { CredentialSource, Handler } from '../gate/extension-points.js'
import { createForward } from '../gate/forward.js'
import { confirm } from '../gate/forward-auth.js'
import { Gate } from '../gate/gate.js'
import { PageScript } from '../gate/page-script.js'
import { GatePages } from '../gate/pages/gate-pages.js'
import { HeaderFilter } from '../gate/removed-headers.js'
import { Rules } from '../gate/rules.js'
import { GateServers } from '../gate/server.js'
import { UpstreamNames } from '../gate/upstream-name.js'
import { Log } from '../operations/log.js'
import { printMetrics, RequestMetrics, type Snapshot } from '../operations/metrics.js'
import { Policy } from '../policy/policy.js'
import type { Readiness } from '../processes/messages.js'
import { type ProcessControl, processControl } from '../processes/process-control.js'
import { printAddress } from '../system/address.js'
import { Upstream } from '../upstream/upstream.js'
import { readCa, readCertificate } from './certificates.js'
import { EventReporter } from './event-reporter.js'
import { certificatesIn } from './findings/certificates.js'
import { openGroupFile } from './group-file.js'
import { addressesOf, listenOn, openAdmin } from './listening.js'
import { errors, notices, say } from './messages.js'
import type { Settings } from './options/index.js'
import { openBrowserLogins } from './pages.js'
import { openProviders } from './providers.js'
import { standInKey } from './session-secrets.js'
import { fileWarnings, transportWarnings, upstreamWarnings, watchCertificate } from './warnings.js'

/** Least time for the log's reader to read the last lines, in milliseconds. */
const LAST_LINES = 100

/** What a gate shares with the process that it runs in. */
export interface Surroundings {
  /** Default: signals, or the supervisor's messages. */
  readonly control?: ProcessControl
  /** Default: standard output. */
  readonly log?: Log
}

/**
 * Serves requests in this process until a signal, the supervisor or `stop` ends it; `stop` resolves to the reason. This is
 * where the parts of a process are put together.
 */
export async function serve(
  settings: Settings,
  stop: Promise<string>,
  { control = processControl(), log = new Log(settings.log) }: Surroundings = {},
): Promise<void> {
  const certificate = readCertificate(settings)
  const events = new EventReporter(settings, log, control.isLogLeader)
  const groupFile = await openGroupFile(settings.groupFile, log, control.isLogLeader)
  const key = standInKey(settings, control.sharedKey)
  const providers = await openProviders({
    settings,
    standInKey: key,
    groups: groupFile,
    onEvent: events.report,
  })
  const browserLogins = await openBrowserLogins({
    settings,
    accounts: providers.map(({ provider }) => provider),
    sharedKey: control.sharedKey,
    onEvent: ({ level, message }) => events.note(level, message),
  })
  const limiter = new LoginLimiter({
    failures: settings.loginFailures,
    key: control.sharedKey,
    onEvent: events.report,
    onRecord: (record) => control.send({ type: 'login', record }),
  })
  const logins = new LoginPipeline({
    providers: [...browserLogins.first, ...providers.map(({ provider }) => provider), ...browserLogins.last],
    limiter,
    queue: settings.hashQueue,
    key,
  })
  let stopped = performance.now()
  try {
    await events.started()
    const warn = (warnings: readonly string[]) => {
      if (control.isLogLeader) for (const warning of warnings) say(warning)
    }
    warn(fileWarnings(settings))
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
    })
    const filter = new HeaderFilter(settings.removeHeader)
    const { handler, close } = openHandler(settings, rules, filter, log)
    // After the handler, which has read the same certificates: a rejection here would be unhandled.
    if (control.isLogLeader) void upstreamWarnings(settings).then(warn)
    const metrics = new RequestMetrics()
    const realm = settings.realm ?? settings.app.realm
    const onLogout = (ending: Ending) => control.send({ type: 'logout', ending })
    const pages = browserLogins.pages({ policy, realm, onLogout })
    const { certificates } = browserLogins
    const certificateOf: CredentialSource = ({ peer: { certificate } }) =>
      certificates && certificate && { kind: 'certificate', certificate }
    const admits = ({ certificate }: Peer) =>
      !settings.clientCertRequired ||
      (certificate !== undefined && certificates?.standing(certificate) === 'good')
    const gatePages = new GatePages({
      pages,
      logins,
      forwardAuth: settings.forwardAuth,
      profile: settings.app,
      sources: [certificateOf],
      onError: (error) => log.event('error', errors.unexpected(error).message),
    })
    const gate = new Gate({
      realm,
      challenges: browserLogins.challenges(realm),
      pages: gatePages,
      credentialSources: [gatePages.sessionOf, certificateOf],
      admits,
      logins,
      rules,
      handler,
      log,
      metrics,
      forwardAuth: settings.forwardAuth,
    })
    const servers = new GateServers(gate, settings.trustProxy, certificate, filter)
    warn(transportWarnings(settings, addressesOf(settings)))
    await openServers(settings, servers, control.isLogLeader)
    if (control.isLogLeader && settings.forwardAuth && policy.enforced && isUntrusted(settings)) {
      say(notices.rolesNeedTrust)
    }

    let draining = false
    const readiness = (): Readiness => {
      if (draining) return { ready: false, detail: 'stopping' }
      if (groupFile?.ready === false) return { ready: false, detail: 'cannot read the group file' }
      return readinessOf(logins)
    }
    const snapshot = (): Snapshot => ({
      requests: metrics.snapshot(),
      logins: logins.counters(),
      memory: process.memoryUsage.rss(),
    })
    const admin = { readiness, metrics: async () => printMetrics(snapshot()) }
    const closeAdmin = await openAdmin(cluster.isPrimary ? settings.admin : undefined, admin)
    control.obey({
      reload() {
        for (const { reload } of providers) reload?.()
        browserLogins.reload()
        void groupFile?.reload()
        renewCertificate(settings, servers, certificates, log)
        if (control.isLogLeader) for (const warning of fileWarnings(settings)) log.event('warn', warning)
      },
      receive: (record) => limiter.receive(record),
      endSessions: (ending) => browserLogins.sessions?.end(ending),
      snapshot,
      readiness,
    })
    logins.onChange(() => control.reportReadiness())
    const unwatch = watchCertificate(settings, (warning) => {
      if (control.isLogLeader) log.event('warn', warning)
    })

    const cause = await Promise.race([control.stopped, stop])
    stopped = performance.now()
    draining = true
    if (control.isLogLeader) log.event('info', notices.stopping(cause))
    await drain(servers, settings.drainTimeout, log)
    unwatch()
    closeAdmin()
    await close()
    await groupFile?.close()
  } finally {
    await logins.close()
    const left = stopped + settings.drainTimeout - performance.now()
    if (!(await log.close(Math.max(LAST_LINES, left)))) control.kill()
  }
}

function openHandler(
  settings: Settings,
  rules: Rules,
  filter: HeaderFilter,
  log: Log,
): { readonly handler: Handler; readonly close: () => Promise<void> } {
  const { upstream: url, upstreamCa, upstreamHost, upstreamTimeout } = settings
  if (url === undefined) return { handler: confirm, close: async () => {} }
  const ca = upstreamCa === undefined ? undefined : readCa(upstreamCa)
  const upstream = new Upstream({ url, ca, timeout: upstreamTimeout })
  const names = new UpstreamNames(settings.app, url.origin, upstreamHost)
  const { app, oidcIssuer, sessionScript } = settings
  const hasScript = oidcIssuer !== undefined && sessionScript
  const pageScript = hasScript ? new PageScript((path) => app.isPage(path)) : undefined
  const handler = createForward({ upstream, names, rules, filter, log, pageScript })
  return { handler, close: () => upstream.close() }
}

async function openServers(settings: Settings, servers: GateServers, isLogLeader: boolean): Promise<void> {
  try {
    for (const address of addressesOf(settings)) {
      const actual = await listenOn(servers.create(), address)
      if (isLogLeader) say(notices.listening(printAddress(actual), settings.tlsCert !== undefined))
    }
  } catch (error) {
    void servers.drain()
    throw error
  }
}

/** Whether no peer can be a trusted proxy; peers on a Unix socket always are. */
const isUntrusted = ({ trustProxy, listen }: Settings): boolean =>
  trustProxy.none && !listen.some((address) => 'path' in address)

function readinessOf(logins: LoginPipeline): Readiness {
  const { ready, providers } = logins.status()
  const unready = Object.entries(providers).find(([, status]) => !status.ready)
  if (ready || unready === undefined) return { ready }
  const [name, { detail = 'unavailable' }] = unready
  return { ready, detail: `${name}: ${detail}` }
}

/** Gives requests in progress `timeout` milliseconds to finish, then aborts the rest. Tunnels never finish by themselves. */
async function drain(servers: GateServers, timeout: number, log: Log): Promise<void> {
  const timer = setTimeout(
    () => log.event('warn', notices.drainTimeout(timeout / 1000, servers.abort())),
    timeout,
  )
  await servers.drain()
  clearTimeout(timer)
}

/** Reloads the certificate, and the authorities of clients. The old ones stay in use if a new one is invalid. */
function renewCertificate(
  settings: Settings,
  servers: GateServers,
  certificates: CertificateProvider | undefined,
  log: Log,
): void {
  try {
    const certificate = readCertificate(settings)
    if (certificate === undefined) return
    servers.renew(certificate)
    if (certificate.ca !== undefined) certificates?.trust(certificatesIn(certificate.ca as Buffer))
    log.event('info', `${settings.tlsCert}: certificate reloaded`)
  } catch (error) {
    log.event('error', `${(error as Error).message}; keeping the old certificate`)
  }
}
