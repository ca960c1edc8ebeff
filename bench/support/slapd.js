// Starts slapd in the current folder on a free port, with TLS and users named user0 (with password0), user1 and so on.
import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

export const BASE = 'dc=example,dc=org'
export const PEOPLE = `ou=people,${BASE}`
export const SERVICE = { bindDn: `cn=htgate,${BASE}`, bindPassword: 'service' }

export async function startSlapd(users) {
  mkdirSync('data')
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'cert.pem',
  ]
  const name = [
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-days',
    '2',
  ]
  execFileSync('openssl', ['req', '-x509', ...key, ...name], { stdio: 'pipe' })
  const here = process.cwd()
  const schemas = ['core', 'cosine', 'inetorgperson'].map((each) => `include /etc/ldap/schema/${each}.schema`)
  writeFileSync(
    'slapd.conf',
    `${schemas.join('\n')}
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${here}/cert.pem
TLSCertificateKeyFile ${here}/key.pem
database mdb
suffix "${BASE}"
directory ${here}/data
maxsize 268435456
dbnosync
index objectClass,uid eq
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${SERVICE.bindDn}" read by * none
`,
  )
  const person = (i) =>
    `dn: uid=user${i},${PEOPLE}\nobjectClass: inetOrgPerson\nuid: user${i}\ncn: user${i}\nsn: user${i}\nuserPassword: ${ssha(`password${i}`)}\n`
  const entries = [
    `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n`,
    `dn: ${PEOPLE}\nobjectClass: organizationalUnit\nou: people\n`,
    `dn: ${SERVICE.bindDn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: htgate\nuserPassword: ${ssha(SERVICE.bindPassword)}\n`,
    ...Array.from({ length: users }, (_, i) => person(i)),
  ]
  writeFileSync('content.ldif', entries.join('\n'))
  execFileSync('/usr/sbin/slapd', ['-T', 'add', '-q', '-f', 'slapd.conf', '-l', 'content.ldif'], {
    stdio: 'pipe',
  })
  const port = await freePort()
  const args = ['-d', '0', '-f', 'slapd.conf', '-h', `ldaps://127.0.0.1:${port}/`]
  const child = spawn('/usr/sbin/slapd', args, { stdio: 'ignore' })
  while (!(await accepts(port))) await delay(20)
  return { port, ca: `${here}/cert.pem`, stop: () => child.kill() }
}

function ssha(password) {
  const salt = randomBytes(8)
  const digest = createHash('sha1').update(password).update(salt).digest()
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
}

/** Relays connections to `port`, and counts them. `most` is the highest number at a time. */
export async function countingRelay(port) {
  const open = new Set()
  const counts = { most: 0, all: 0 }
  const server = createServer((client) => {
    const target = connect(port, '127.0.0.1')
    open.add(client)
    counts.all++
    counts.most = Math.max(counts.most, open.size)
    client.pipe(target).pipe(client)
    for (const socket of [client, target]) socket.on('error', () => {})
    client.on('close', () => {
      open.delete(client)
      target.destroy()
    })
    target.on('close', () => client.destroy())
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: server.address().port, counts, stop: () => server.close() }
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
