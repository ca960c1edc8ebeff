// htgate without a login: the same servers and the same way to the upstream, and everybody is let in at once.
// node open-gate.js UPSTREAM PORT

import { Gate } from '../../dist/gate/gate.js'
import { createGateServer } from '../../dist/gate/server.js'
import { parse } from '../../dist/htgate/command-line.js'
import { Log } from '../../dist/operations/log.js'
import { Metrics } from '../../dist/operations/metrics.js'
import { forward } from '../../dist/upstream/proxy.js'
import { openUpstream } from '../../dist/upstream/upstream.js'

const [upstreamUrl, port] = process.argv.slice(2)
const settings = parse(['--file', 'none', '--upstream', upstreamUrl], {})
const upstream = openUpstream(settings, settings.upstream)
const log = new Log('json')
const verdict = { ok: true, principal: { name: 'alice', provider: 'open', groups: [] } }
const everybody = { remembered: () => verdict, countRemembered() {} }
const gate = new Gate('', everybody, settings.trustProxy, log, new Metrics(), (exchange) =>
  forward(exchange, upstream, log),
)
createGateServer(gate, undefined).listen(Number(port), '127.0.0.1')
