import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Agent, request as send } from 'node:https'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { makeCertificate } from '../support/certificate.js'
import { temporaryFolder } from '../support/folder.js'
import { startGate, startUpstream, until, valuesOf } from '../support/gate.js'
import { describeWith, peer } from '../support/peers.js'
import { basic } from '../support/requests.js'

interface Authority {
  readonly ca: string
  readonly crl: string
  /** Paths of a certificate and its key. */
  issue(name: string, subject: string, extra?: string): { cert: string; key: string }
  revoke(cert: string): void
  /** Signs a request. */
  sign(csr: string, out: string): void
}

/** An authority made by openssl, with an empty revocation list; an intermediate one if it has a parent. */
function makeAuthority(folder: string, name = 'CA', parent?: Authority): Authority {
  const openssl = (...args: string[]) =>
    execFileSync(peer('openssl') as string, args, { cwd: folder, stdio: 'pipe' })
  const config = join(folder, 'ca.cnf')
  writeFileSync(
    config,
    `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\ncertificate=ca.pem\nprivate_key=ca.key\ndefault_crl_days=2\ncopy_extensions=copy\nunique_subject=no\n[p]\ncommonName=optional\norganizationName=optional\n`,
  )
  writeFileSync(join(folder, 'index.txt'), '')
  writeFileSync(join(folder, 'serial'), '00A1\n')
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  const isCa = ['-addext', 'basicConstraints=critical,CA:TRUE']
  if (parent === undefined) {
    openssl(
      'req',
      '-x509',
      ...ec,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    )
  } else {
    openssl('req', ...ec, '-subj', `/CN=${name}`, ...isCa, '-keyout', 'ca.key', '-out', 'ca.csr')
    parent.sign(join(folder, 'ca.csr'), join(folder, 'ca.pem'))
  }
  const writeCrl = () => {
    openssl('ca', '-config', config, '-gencrl', '-out', 'new.crl')
    renameSync(join(folder, 'new.crl'), join(folder, 'ca.crl'))
  }
  writeCrl()
  const sign = (csr: string, out: string) =>
    openssl('ca', '-batch', '-config', config, '-days', '2', '-in', csr, '-out', out, '-notext')
  return {
    sign,
    ca: join(folder, 'ca.pem'),
    crl: join(folder, 'ca.crl'),
    issue(file, subject, extra) {
      const names = extra === undefined ? [] : ['-addext', `subjectAltName=${extra}`]
      openssl('req', ...ec, '-subj', subject, ...names, '-keyout', `${file}.key`, '-out', `${file}.csr`)
      sign(`${file}.csr`, `${file}.pem`)
      return { cert: join(folder, `${file}.pem`), key: join(folder, `${file}.key`) }
    },
    revoke(cert) {
      openssl('ca', '-config', config, '-revoke', cert)
      writeCrl()
    },
  }
}

interface Client {
  readonly cert?: string
  readonly key?: string
  readonly agent?: Agent
}

function get(
  port: number,
  ca: string,
  client: Client = {},
  headers: Record<string, string> = {},
): Promise<number> {
  const { cert, key, agent = new Agent({ keepAlive: false }) } = client
  return new Promise((resolve, reject) => {
    const pair = cert && key ? { cert: readFileSync(cert), key: readFileSync(key) } : {}
    const outgoing = send(
      { host: '127.0.0.1', port, path: '/', ca, servername: 'gate.test', agent, headers, ...pair },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode as number))
      },
    )
    outgoing.on('error', reject).end()
  })
}

async function start(args: readonly string[]) {
  const upstream = await startUpstream()
  const folder = temporaryFolder()
  const server = makeCertificate(folder, 'gate.test')
  const gate = await startGate({
    upstream: upstream.url,
    args: ['--tls-cert', server.cert, '--tls-key', server.key, '--app', 'none', ...args],
  })
  const user = () => valuesOf(upstream.seen.at(-1), 'x-forwarded-user')[0]
  return { gate, ca: server.ca, user }
}

describeWith(['openssl'], 'client certificates', () => {
  test('identify the user, alongside passwords', async () => {
    const authority = makeAuthority(temporaryFolder())
    const { gate, ca, user } = await start(['--client-ca', authority.ca])
    expect(await get(gate.port, ca, authority.issue('ann', '/CN=ann'))).toBe(200)
    expect(user()).toBe('ann')
    expect(await get(gate.port, ca)).toBe(401)
    expect(await get(gate.port, ca, {}, { authorization: basic('alice', 'secret') })).toBe(200)
    expect(user()).toBe('alice')
    const both = authority.issue('bob', '/CN=bob')
    expect(await get(gate.port, ca, both, { authorization: basic('alice', 'secret') })).toBe(200)
    expect(user()).toBe('alice')
  })

  test('of another authority, or without a user name, are ignored', async () => {
    const authority = makeAuthority(temporaryFolder())
    const other = makeAuthority(temporaryFolder(), 'CA')
    const { gate, ca } = await start(['--client-ca', authority.ca])
    expect(await get(gate.port, ca, other.issue('ann', '/CN=ann'))).toBe(401)
    expect(await get(gate.port, ca, authority.issue('nobody', '/O=lab'))).toBe(401)
    expect(await get(gate.port, ca, authority.issue('two', '/CN=ann/CN=bob'))).toBe(401)
  })

  test('can identify the user by e-mail address', async () => {
    const authority = makeAuthority(temporaryFolder())
    const { gate, ca, user } = await start(['--client-ca', authority.ca, '--client-cert-user', 'email'])
    const ann = authority.issue('ann', '/CN=whatever', 'email:ann@example.org,DNS:host')
    expect(await get(gate.port, ca, ann)).toBe(200)
    expect(user()).toBe('ann@example.org')
    expect(await get(gate.port, ca, authority.issue('bob', '/CN=bob'))).toBe(401)
  })

  test('can be required before any other login', async () => {
    const authority = makeAuthority(temporaryFolder())
    const { gate, ca, user } = await start(['--client-ca', authority.ca, '--client-cert-required'])
    await expect(get(gate.port, ca, {}, { authorization: basic('alice', 'secret') })).rejects.toThrow()
    const ann = authority.issue('ann', '/CN=ann')
    expect(await get(gate.port, ca, ann, { authorization: basic('alice', 'secret') })).toBe(200)
    expect(user()).toBe('alice')
  })

  test('are rejected once they are on the revocation list, on open connections too', async () => {
    const folder = temporaryFolder()
    const authority = makeAuthority(folder)
    const crl = join(temporaryFolder(), 'crl.pem')
    copyFileSync(authority.crl, crl)
    const required = [[], ['--client-cert-required']]
    for (const more of required) {
      const who = `ann${more.length}`
      const { gate, ca } = await start(['--client-ca', authority.ca, '--client-crl', crl, ...more])
      const ann = authority.issue(who, `/CN=${who}`)
      const bob = authority.issue(`b${who}`, `/CN=b${who}`)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      expect(await get(gate.port, ca, { ...ann, agent })).toBe(200)
      authority.revoke(ann.cert)
      copyFileSync(authority.crl, crl)
      const refused = more.length > 0 ? 403 : 401
      await until(async () => (await get(gate.port, ca, ann)) === refused)
      expect(await get(gate.port, ca, { ...ann, agent })).toBe(refused)
      expect(await get(gate.port, ca, bob)).toBe(200)
      const password = { authorization: basic('alice', 'secret') }
      expect(await get(gate.port, ca, ann, password)).toBe(more.length > 0 ? 403 : 200)
      agent.destroy()
    }
  })

  describe('of an intermediate authority', () => {
    /** Ann's certificate from an intermediate authority, and a gate with the lists of both authorities. */
    async function startChained() {
      const root = makeAuthority(temporaryFolder(), 'Root')
      const intermediate = makeAuthority(temporaryFolder(), 'Intermediate', root)
      const folder = temporaryFolder()
      const ann = intermediate.issue('ann', '/CN=ann')
      const chain = join(folder, 'chain.pem')
      writeFileSync(chain, readFileSync(ann.cert, 'utf8') + readFileSync(intermediate.ca, 'utf8'))
      const crl = join(folder, 'crl.pem')
      const publish = (...lists: Authority[]) => {
        writeFileSync(`${crl}.new`, lists.map((each) => readFileSync(each.crl, 'utf8')).join(''))
        renameSync(`${crl}.new`, crl)
      }
      publish(root, intermediate)
      const { gate, ca } = await start(['--client-ca', root.ca, '--client-crl', crl])
      const ask = (agent?: Agent) =>
        get(gate.port, ca, { cert: chain, key: ann.key, ...(agent && { agent }) })
      const pair = { cert: readFileSync(chain), key: readFileSync(ann.key) }
      return { root, intermediate, ann, publish, ask, gate, ca, pair }
    }

    test('are rejected if the intermediate one is revoked, on open connections too', async () => {
      const { root, intermediate, publish, ask } = await startChained()
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      expect(await ask(agent)).toBe(200)
      root.revoke(intermediate.ca)
      publish(root, intermediate)
      await until(async () => (await ask()) === 401)
      expect(await ask(agent)).toBe(401)
      agent.destroy()
    })

    test('are rejected if they are revoked themselves, or while a list is missing', async () => {
      const { root, intermediate, ann, publish, ask, gate } = await startChained()
      expect(await ask()).toBe(200)
      for (const list of [root, intermediate]) {
        publish(list)
        await until(async () => (await ask()) === 503)
      }
      await until(
        () => gate.output().includes('no revocation list of CN=Root; rejecting its certificates'),
        gate.output,
      )
      intermediate.revoke(ann.cert)
      publish(intermediate, root)
      await until(async () => (await ask()) === 401)
    })

    test('are sent on each connection, since a resumed session would lack the intermediate one', async () => {
      const { gate, ca, pair, ask } = await startChained()
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
        const open = (session?: Buffer) =>
          connect({
            port: gate.port,
            host: '127.0.0.1',
            servername: 'gate.test',
            ca,
            maxVersion,
            session,
            ...pair,
          })
        let session: Buffer | undefined
        for (let i = 0; i < 2; i++) {
          const socket = open(session).on('session', (given) => (session = given))
          socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
          await once(socket, 'data')
          expect(socket.isSessionReused()).toBe(false)
          session ??= socket.getSession()
          socket.destroy()
        }
      }
      expect(await ask()).toBe(200)
    })
  })

  test('are rejected while the revocation list cannot be read', async () => {
    const authority = makeAuthority(temporaryFolder())
    const crl = join(temporaryFolder(), 'crl.pem')
    writeFileSync(crl, 'nonsense')
    const { gate, ca } = await start(['--client-ca', authority.ca, '--client-crl', crl])
    expect(gate.said()).toContain('the file has no revocation list; rejecting all client certificates')
    const ann = authority.issue('ann', '/CN=ann')
    expect(await get(gate.port, ca, ann)).toBe(503)
    copyFileSync(authority.crl, crl)
    await until(async () => (await get(gate.port, ca, ann)) === 200)
  })
})
