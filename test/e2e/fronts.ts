import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from '../support/certificate.js'
import { peer } from '../support/peers.js'
import { freePort, type Server, startServer } from '../support/servers.js'

// Starts the proxies with the files in deploy/, in which only file names, ports and machine-wide settings are replaced.

/** The environment of a proxy. */
export interface Surroundings {
  /** Folder for the proxy's own files, a new one for each. */
  readonly folder: string
  /** The port of the guarded server. */
  readonly upstream: number
  /** The port of `htgate --forward-auth`. */
  readonly htgate: number
  readonly passwords: string
  readonly certificate: Certificate
}

type Edits = readonly (readonly [from: string, to: string])[]

/**
 * A file of deploy/ with each `from` replaced by its `to`.
 * @throws Error if the file does not contain a `from`
 */
function edited(file: string, edits: Edits): string {
  let text = readFileSync(`deploy/${file}`, 'utf8')
  for (const [from, to] of edits) {
    if (!text.includes(from)) throw new Error(`deploy/${file} has no "${from}"`)
    text = text.replaceAll(from, to)
  }
  return text
}

const certificateOf = ({ certificate }: Surroundings): Edits => [
  ['/etc/ssl/mlflow/fullchain.pem', certificate.cert],
  ['/etc/ssl/mlflow/key.pem', certificate.key],
]

const upstreamOf = ({ upstream }: Surroundings): Edits => [['127.0.0.1:5000', `127.0.0.1:${upstream}`]]
const htgateOf = ({ htgate }: Surroundings): Edits => [['127.0.0.1:9090', `127.0.0.1:${htgate}`]]
const passwordsOf = ({ passwords }: Surroundings): Edits => [['/etc/htgate/htpasswd', passwords]]

async function nginx(file: string, around: Surroundings, edits: Edits): Promise<Server> {
  const port = await freePort()
  const site = edited(file, [
    ['listen 443 ssl', `listen 127.0.0.1:${port} ssl`],
    ...certificateOf(around),
    ...upstreamOf(around),
    ...edits,
  ])
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${name};`)
    .join(' ')
  const main = `
    daemon off;
    user root;
    pid nginx.pid;
    error_log stderr;
    events {}
    http { access_log off; ${temporary} include site.conf; }`
  writeFileSync(join(around.folder, 'site.conf'), site)
  writeFileSync(join(around.folder, 'nginx.conf'), main)
  const args = ['-e', 'stderr', '-p', around.folder, '-c', 'nginx.conf']
  return startServer(peer('nginx') as string, args, { port })
}

async function caddy(file: string, around: Surroundings): Promise<Server> {
  const port = await freePort()
  const { cert, key } = around.certificate
  const config = edited(file, [
    [
      'mlflow.example.com {\n',
      `{\nadmin off\nauto_https disable_redirects\n}\nhttps://mlflow.example.com:${port} {\nbind 127.0.0.1\ntls ${cert} ${key}\n`,
    ],
    ...upstreamOf(around),
    ...htgateOf(around),
  ])
  const path = join(around.folder, 'Caddyfile')
  writeFileSync(path, config)
  return startServer(peer('caddy') as string, ['run', '--config', path], {
    port,
    env: { HOME: around.folder },
  })
}

async function traefik(file: string, around: Surroundings): Promise<Server> {
  const port = await freePort()
  const { cert, key } = around.certificate
  writeFileSync(
    join(around.folder, 'dynamic.yaml'),
    `${edited(file, [...upstreamOf(around), ...htgateOf(around)])}
tls: { stores: { default: { defaultCertificate: { certFile: ${cert}, keyFile: ${key} } } } }
`,
  )
  const args = [
    `--entrypoints.websecure.address=127.0.0.1:${port}`,
    `--providers.file.filename=${join(around.folder, 'dynamic.yaml')}`,
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
  ]
  return startServer(peer('traefik') as string, args, { port })
}

/** A proxy, with its name in the tests and the program that it needs. */
export interface Front {
  readonly name: string
  readonly program: string
  start(around: Surroundings): Promise<Server>
}

export const fronts: readonly Front[] = [
  {
    name: 'nginx, auth_request',
    program: 'nginx',
    start: (around) => nginx('nginx/forward-auth.conf', around, htgateOf(around)),
  },
  {
    name: 'nginx, auth_request, cached',
    program: 'nginx',
    start(around) {
      const cache = join(around.folder, 'cache')
      mkdirSync(cache, { mode: 0o700 })
      const edits: Edits = [...htgateOf(around), ['/dev/shm/htgate levels', `${cache} levels`]]
      return nginx('nginx/forward-auth-cached.conf', around, edits)
    },
  },
  {
    name: 'Caddy, forward_auth',
    program: 'caddy',
    start: (around) => caddy('caddy/Caddyfile', around),
  },
  {
    name: 'Traefik, ForwardAuth',
    program: 'traefik',
    start: (around) => traefik('traefik/dynamic.yaml', around),
  },
  {
    name: 'Envoy, ext_authz',
    program: 'envoy',
    async start(around) {
      const port = await freePort()
      const config = edited('envoy/envoy.yaml', [
        ['address: 0.0.0.0, port_value: 443', `address: 127.0.0.1, port_value: ${port}`],
        ['address: 127.0.0.1, port_value: 5000', `address: 127.0.0.1, port_value: ${around.upstream}`],
        ['address: 127.0.0.1, port_value: 9090', `address: 127.0.0.1, port_value: ${around.htgate}`],
        ...certificateOf(around),
      ])
      const path = join(around.folder, 'envoy.yaml')
      writeFileSync(path, config)
      const args = ['-c', path, '--disable-hot-restart', '--concurrency', '1', '-l', 'warning']
      return startServer(peer('envoy') as string, args, { port })
    },
  },
]

/** These ask htgate, which redirects people to an OpenID Connect issuer. */
export const frontsWithIssuer: readonly Front[] = [
  {
    name: 'nginx, auth_request',
    program: 'nginx',
    start: (around) => nginx('nginx/oidc.conf', around, htgateOf(around)),
  },
  {
    name: 'Caddy, forward_auth',
    program: 'caddy',
    start: (around) => caddy('caddy/oidc.Caddyfile', around),
  },
  {
    name: 'Traefik, ForwardAuth',
    program: 'traefik',
    start: (around) => traefik('traefik/oidc.yaml', around),
  },
]

/** The names, and each with some or all hyphens replaced by underscores or dots. */
export function spellings(...names: string[]): string[] {
  const all = (parts: string[]): string[] => {
    const [head = '', ...tail] = parts
    return tail.length === 0
      ? [head]
      : ['-', '_', '.'].flatMap((c) => all(tail).map((rest) => head + c + rest))
  }
  return names.flatMap((name) => all(name.split('-')))
}

/** These read the password file themselves, without htgate. */
export const frontsAlone: readonly Front[] = [
  {
    name: 'nginx, auth_basic',
    program: 'nginx',
    start: (around) => nginx('nginx/basic-auth.conf', around, passwordsOf(around)),
  },
  {
    name: 'Apache, mod_auth_basic',
    program: 'apache2',
    async start(around) {
      const port = await freePort()
      const site = edited('apache/basic-auth.conf', [
        ['*:443', `127.0.0.1:${port}`],
        ...certificateOf(around),
        ...upstreamOf(around),
        ...passwordsOf(around),
      ])
      const modules = ['mpm_event', 'authn_core', 'authn_file', 'authz_core', 'authz_user', 'auth_basic']
        .concat(['headers', 'macro', 'proxy', 'proxy_http', 'rewrite', 'socache_shmcb', 'ssl'])
        .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
      const main = [...modules, `ServerRoot ${around.folder}`, `Listen 127.0.0.1:${port}`].concat([
        'PidFile httpd.pid',
        'ErrorLog error.log',
        site,
      ])
      const path = join(around.folder, 'httpd.conf')
      writeFileSync(path, main.join('\n'))
      return startServer(peer('apache2') as string, ['-DFOREGROUND', '-f', path], { port })
    },
  },
]
