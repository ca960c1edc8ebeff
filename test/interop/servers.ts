import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { peer } from '../support/peers.js'
import { freePort, type Server, startServer } from '../support/servers.js'

// Each serves `/in` to users with the right password only, and is stopped after the test.

const MODULES = '/usr/lib/apache2/modules'

/** nginx with `file` as its auth_basic_user_file. */
export async function nginxWith(file: string): Promise<Server> {
  const { port, folder } = await site()
  const config = `
    daemon off;
    user root;
    pid nginx.pid;
    error_log stderr;
    events {}
    http {
      access_log off;
      server {
        listen 127.0.0.1:${port};
        root ${folder};
        auth_basic test;
        auth_basic_user_file ${file};
      }
    }`
  writeFileSync(join(folder, 'nginx.conf'), config)
  return start('nginx', ['-e', 'stderr', '-p', folder, '-c', 'nginx.conf'], port)
}

/** Apache httpd with `file` as its AuthUserFile. */
export async function apacheWith(file: string): Promise<Server> {
  const { port, folder } = await site()
  const modules = ['mpm_event', 'authn_core', 'authn_file', 'authz_core', 'authz_user', 'auth_basic']
  const config = `
    ${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
    ServerRoot ${folder}
    ServerName test
    Listen 127.0.0.1:${port}
    PidFile httpd.pid
    ErrorLog error.log
    DocumentRoot ${folder}
    <Location />
      AuthType Basic
      AuthName test
      AuthUserFile ${file}
      Require valid-user
    </Location>`
  writeFileSync(join(folder, 'httpd.conf'), config)
  return start('apache2', ['-DFOREGROUND', '-f', join(folder, 'httpd.conf')], port)
}

/** Caddy with a single hash; it does not start if it cannot parse it. */
export async function caddyWith(user: string, hash: string): Promise<Server> {
  const { port, folder } = await site()
  const config = `
    {
      admin off
    }
    http://127.0.0.1:${port} {
      basicauth {
        ${user} "${hash}"
      }
      respond /in "in"
    }`
  writeFileSync(join(folder, 'Caddyfile'), config)
  return start('caddy', ['run', '--config', join(folder, 'Caddyfile')], port, { HOME: folder })
}

async function site(): Promise<{ port: number; folder: string }> {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'in'), 'in')
  return { port: await freePort(), folder }
}

async function start(name: string, args: string[], port: number, env = {}): Promise<Server> {
  const server = await startServer(peer(name) as string, args, { port, env })
  onTestFinished(server.stop)
  return server
}
