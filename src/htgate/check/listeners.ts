import { createServer } from 'node:net'
import type { Finding } from '../../auth/provider.js'
import { type Address, printAddress } from '../../system/address.js'
import { plainHttpFindings } from '../findings/plain-http.js'
import type { Settings } from '../options/index.js'
import type { Area } from './report.js'

/** The addresses to listen on. A Unix socket is not opened, since an existing one may belong to a running htgate. */
export function listenerAreas(settings: Settings): Area[] {
  const { listen, admin } = settings
  const of = (name: string) => (address: Address) => ({ name, check: async () => [await tryOut(address)] })
  return [
    ...listen.map(of('--listen')),
    { name: '--listen', check: async () => plainHttpFindings(settings, listen) },
    ...(admin === undefined ? [] : [admin].map(of('--admin'))),
  ]
}

async function tryOut(address: Address): Promise<Finding> {
  const name = printAddress(address)
  if (!('port' in address)) return { state: 'works', text: name }
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ ...address }, resolve)
    })
    return { state: 'works', text: `${name} is free` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') {
      return {
        state: 'warning',
        text: `${name} is in use`,
        hint: 'if not by a running htgate, find the process with: ss -ltnp',
      }
    }
    const why = code === 'EACCES' ? 'permission denied; ports below 1024 need privileges' : message
    return { state: 'fails', text: `cannot listen on ${name}: ${why}` }
  } finally {
    server.close()
  }
}
