// htgate with logins off: the same servers and forwarding, but every request is accepted at once.
// node open-gate.js UPSTREAM PORT
import { createForward } from '../../dist/gate/forward.js'
import { Gate } from '../../dist/gate/gate.js'
import { HeaderFilter } from '../../dist/gate/removed-headers.js'
import { Rules } from '../../dist/gate/rules.js'
import { GateServers } from '../../dist/gate/server.js'
import { UpstreamNames } from '../../dist/gate/upstream-name.js'
import { parse } from '../../dist/htgate/command-line.js'
import { Log } from '../../dist/operations/log.js'
import { RequestMetrics } from '../../dist/operations/metrics.js'
import { Policy } from '../../dist/policy/policy.js'
import { Upstream } from '../../dist/upstream/upstream.js'

const [upstreamUrl, port] = process.argv.slice(2)
const settings = parse(['--file', 'none', '--upstream', upstreamUrl], {})
const log = new Log('json')
const upstream = new Upstream({ url: settings.upstream, timeout: settings.upstreamTimeout })
const alice = { ok: true, principal: { name: 'alice', provider: 'none', groups: [] } }
const everyone = {
  epoch: 0,
  login: () => alice,
  remembered: () => alice,
  countRefusal() {},
  countRemembered() {},
  onChange() {},
}
const { app } = settings
const policy = new Policy({ profile: app, grants: { read: [], write: [], admin: [] } })
const rules = new Rules({ policy, openPaths: app.openPaths, corsOrigins: new Set(), gatewayIdentity: false })
const filter = new HeaderFilter()
const names = new UpstreamNames(app, settings.upstream.origin, undefined)
const gate = new Gate({
  realm: '',
  logins: everyone,
  rules,
  handler: createForward({ upstream, names, rules, filter, log }),
  log,
  metrics: new RequestMetrics(),
})
new GateServers(gate, settings.trustProxy, undefined).create().listen(Number(port), '127.0.0.1')
