import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Finding } from '../../auth/provider.js'
import type { UpstreamUrl } from '../../upstream/upstream.js'
import { readCa } from '../certificates.js'
import { PATIENCE, troubleOf } from '../findings/upstream.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

/** The upstream, unless it is a command, which is not started here. */
export function upstreamAreas(settings: Settings): Area[] {
  const { upstream, command } = settings
  if (upstream === undefined || command !== undefined) return []
  return [{ name: '--upstream', check: async () => [await tryOut(settings, upstream)] }]
}

async function tryOut(settings: Settings, url: UpstreamUrl): Promise<Finding> {
  const path = `${url.prefix}/`
  try {
    const { statusCode = 0 } = await get(settings, url, path)
    const text = `${url.text} responds to GET ${path} with ${statusCode}`
    if (statusCode < 500) return { state: 'works', text }
    return {
      state: 'warning',
      text,
      hint: 'the upstream itself reports an error; see its log',
    }
  } catch (error) {
    return troubleOf(url.text, error as Error)
  }
}

function get(settings: Settings, url: UpstreamUrl, path: string): Promise<IncomingMessage> {
  const { upstreamCa, upstreamHost } = settings
  const target = new URL(path, url.origin)
  const options = {
    signal: AbortSignal.timeout(PATIENCE),
    ...(url.socketPath === undefined ? {} : { socketPath: url.socketPath }),
    ...(upstreamHost === undefined ? {} : { headers: { host: upstreamHost } }),
    ...(upstreamCa === undefined ? {} : { ca: readCa(upstreamCa) }),
  }
  return new Promise((resolve, reject) => {
    const send = target.protocol === 'https:' ? requestHttps : requestHttp
    const outgoing = send(target, { agent: false, ...options }, (response) => {
      response.destroy()
      resolve(response)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
