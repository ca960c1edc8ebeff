import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { delimiter, join } from 'node:path'
import type { Finding } from '../../auth/provider.js'
import type { UpstreamUrl } from '../../upstream/upstream.js'
import { readCa } from '../certificates.js'
import { PATIENCE, troubleOf } from '../findings/upstream.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

/** Checks the upstream. A command is looked for in PATH, but not started. */
export function upstreamAreas(settings: Settings): Area[] {
  const { upstream, command } = settings
  if (upstream === undefined) return []
  if (command !== undefined) return [{ name: 'command', check: async () => [find(command[0] as string)] }]
  return [{ name: '--upstream', check: async () => [await tryOut(settings, upstream)] }]
}

/** Finds a program as a shell does. */
function find(program: string): Finding {
  const folders = program.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter)
  const paths = folders.map((folder) => join(folder, program))
  const found = paths.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
  if (found !== undefined) return { state: 'works', text: `${program} is ${found}` }
  const isThere = program.includes('/') && existsSync(program)
  return isThere
    ? { state: 'fails', text: `${program}: permission denied`, hint: 'it must be an executable file' }
    : { state: 'fails', text: `${program}: command not found`, hint: 'is it installed, and in PATH?' }
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
