import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { LoginLimiter } from '../../src/auth/login-limiter.js'
import { LoginPipeline } from '../../src/auth/login-pipeline.js'
import type { Provider } from '../../src/auth/provider.js'
import { TrustedProxies } from '../../src/gate/client-address.js'
import type { Handler } from '../../src/gate/extension-points.js'
import { createForward } from '../../src/gate/forward.js'
import { confirm } from '../../src/gate/forward-auth.js'
import { Gate } from '../../src/gate/gate.js'
import type { GatePages } from '../../src/gate/pages/gate-pages.js'
import { Rules } from '../../src/gate/rules.js'
import { GateServers } from '../../src/gate/server.js'
import { UpstreamNames } from '../../src/gate/upstream-name.js'
import { Log } from '../../src/operations/log.js'
import { printMetrics, RequestMetrics } from '../../src/operations/metrics.js'
import { type Grant, parseGrant } from '../../src/policy/grants.js'
import { Policy } from '../../src/policy/policy.js'
import { none } from '../../src/policy/profile.js'
import { Upstream } from '../../src/upstream/upstream.js'
import { temporaryFolder } from './folder.js'

export interface InProcessOptions {
  readonly providers: readonly Provider[]
  /** Undefined for forward-auth. */
  readonly upstream?: string
  /** As with --readers and --writers. Default: no roles. */
  readonly readers?: readonly string[]
  readonly writers?: readonly string[]
  /** As with --login-failures. */
  readonly failures?: number
  /** Makes the gate's own pages, whose session cookies it then accepts. Default: none. */
  readonly pages?: (logins: LoginPipeline, policy: Policy) => GatePages
}

export interface InProcessGate {
  readonly port: number
  readonly url: string
  readonly gate: Gate
  metrics(): string
  /** The lines of the log so far. */
  log(): Record<string, unknown>[]
}

/** Starts a gate in this process, assembled as by `serve`, with the test's own providers. */
export async function openGate(options: InProcessOptions): Promise<InProcessGate> {
  const { providers, upstream: url, readers = [], writers = [], failures } = options
  const path = join(temporaryFolder(), 'log')
  const fd = openSync(path, 'w')
  const log = new Log('json', fd)
  const limiter = new LoginLimiter({ failures })
  const logins = new LoginPipeline({ providers, limiter })
  const policy = new Policy({
    profile: none,
    grants: { read: readers.map(grant), write: writers.map(grant), admin: [] },
  })
  const rules = new Rules({ policy, openPaths: [], corsOrigins: new Set(), gatewayIdentity: false })
  const upstream = url === undefined ? undefined : upstreamAt(url)
  const handler: Handler =
    upstream === undefined
      ? confirm
      : createForward({ upstream, names: new UpstreamNames(none, url as string, undefined), rules, log })
  const metrics = new RequestMetrics()
  const pages = options.pages?.(logins, policy)
  const gate = new Gate({
    realm: 'Test',
    logins,
    rules,
    handler,
    log,
    metrics,
    forwardAuth: upstream === undefined,
    pages,
    credentialSources: pages && [pages.sessionOf],
  })
  const servers = new GateServers(gate, new TrustedProxies(['loopback']), undefined)
  const server = servers.create()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(async () => {
    const drained = servers.drain()
    servers.abort()
    await drained
    await upstream?.close()
    await logins.close()
    await log.close(1000)
    closeSync(fd)
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    gate,
    metrics: () => printMetrics({ requests: metrics.snapshot(), logins: logins.counters(), memory: 0 }),
    log: () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  }
}

const grant = (text: string): Grant => parseGrant(text) as Grant

function upstreamAt(text: string): Upstream {
  const url = { text, origin: new URL(text).origin, prefix: '', socketPath: undefined }
  return new Upstream({ url, timeout: 10_000 })
}
