import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate } from './certificate.js'
import { peer } from './peers.js'
import { run } from './run.js'
import { freePort, type Server, startServer } from './servers.js'

// A real OpenLDAP server, with its own folder and ports.

export const BASE = 'dc=example,dc=org'
export const PEOPLE = `ou=people,${BASE}`
export const GROUPS = `ou=groups,${BASE}`
/** The account that searches. */
export const SERVICE = { dn: `cn=htgate,${BASE}`, password: 'service secret, with a comma' }
const ROOT = { dn: `cn=root,${BASE}`, password: 'root-secret' }

export interface Slapd {
  /** `ldap://127.0.0.1:PORT`. */
  readonly url: string
  /** `ldaps://127.0.0.1:PORT`; its certificate is for `localhost` and 127.0.0.1. */
  readonly secureUrl: string
  readonly port: number
  readonly securePort: number
  /** Path of the certificate authority, in PEM. */
  readonly ca: string
  readonly folder: string
  /** Applies LDIF as the administrator. */
  modify(ldif: string): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
  /** SIGKILL, SIGSTOP or SIGCONT, to the running process. */
  signal(name: NodeJS.Signals): void
  /** Stops it and removes its folder. */
  end(): Promise<void>
}

export type LdifEntry = Readonly<Record<string, string | readonly string[]>> & { readonly dn: string }

export interface SlapdOptions {
  /** Added to the standard ones: the base, people, groups, policies and the service account. */
  readonly entries?: readonly LdifEntry[]
  /** Access rules for slapd.conf, which precede the standard ones. */
  readonly access?: string
  /** Lines for slapd.conf before the database section. */
  readonly config?: string
}

/** A person: inetOrgPerson, whose `cn` and `sn` are the name. */
export const person = (uid: string, password: string, more: Partial<LdifEntry> = {}): LdifEntry => ({
  dn: `uid=${uid},${PEOPLE}`,
  objectClass: 'inetOrgPerson',
  uid,
  cn: uid,
  sn: uid,
  userPassword: ssha(password),
  ...(more as Record<string, string>),
})

/** OpenLDAP's salted SHA-1, which is fast. */
export function ssha(password: string): string {
  const salt = randomBytes(8)
  const digest = createHash('sha1').update(password).update(salt).digest()
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`
}

/** Every value is in base64, and so may be any text. */
export function ldif(entries: readonly LdifEntry[]): string {
  return entries
    .map((entry) =>
      Object.entries(entry)
        .flatMap(([name, values]) => [values].flat().map((value) => `${name}:: ${base64(value as string)}\n`))
        .join(''),
    )
    .join('\n')
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

const FIXED: readonly LdifEntry[] = [
  { dn: BASE, objectClass: ['dcObject', 'organization'], o: 'Example', dc: 'example' },
  { dn: PEOPLE, objectClass: 'organizationalUnit', ou: 'people' },
  { dn: GROUPS, objectClass: 'organizationalUnit', ou: 'groups' },
  {
    dn: SERVICE.dn,
    objectClass: ['organizationalRole', 'simpleSecurityObject'],
    cn: 'htgate',
    userPassword: ssha(SERVICE.password),
  },
  {
    dn: `cn=policy,${BASE}`,
    objectClass: ['pwdPolicy', 'organizationalRole'],
    cn: 'policy',
    pwdAttribute: 'userPassword',
    pwdLockout: 'TRUE',
    pwdMaxFailure: '3',
    pwdMaxAge: '86400',
    pwdMustChange: 'TRUE',
  },
]

/** Subjects a person to the password policy: accounts are locked after three failures, passwords expire after a day. */
export const UNDER_POLICY = { pwdPolicySubentry: `cn=policy,${BASE}` }

const configuration = (
  folder: string,
  { access = '', config = '' }: SlapdOptions,
  cert: string,
  key: string,
) => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
pidfile ${folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload refint
moduleload ppolicy
TLSCACertificateFile ${cert}
TLSCertificateFile ${cert}
TLSCertificateKeyFile ${key}
${config}
database mdb
suffix "${BASE}"
rootdn "${ROOT.dn}"
rootpw ${ROOT.password}
directory ${folder}/data
maxsize 268435456
dbnosync
index objectClass,uid,mail,member,memberUid,uniqueMember eq
overlay memberof
memberof-refint TRUE
overlay refint
refint_attributes member uniqueMember memberOf
overlay ppolicy
${access}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${SERVICE.dn}" read by self read by * none
`

export async function startSlapd(options: SlapdOptions = {}): Promise<Slapd> {
  const folder = mkdtempSync(join(tmpdir(), 'htgate-slapd-'))
  mkdirSync(join(folder, 'data'))
  const { cert, key } = makeCertificate(folder, 'localhost')
  const conf = join(folder, 'slapd.conf')
  writeFileSync(conf, configuration(folder, options, cert, key))
  const content = join(folder, 'content.ldif')
  writeFileSync(content, ldif([...FIXED, ...(options.entries ?? [])]))
  const slapd = peer('slapd') as string
  await must(run(slapd, ['-T', 'add', '-q', '-f', conf, '-l', content]))
  const [port, securePort] = [await freePort(), await freePort()]
  const [url, secureUrl] = [`ldap://127.0.0.1:${port}`, `ldaps://127.0.0.1:${securePort}`]
  let server: Server | undefined
  const start = async () => {
    server = await startServer(slapd, ['-d', '0', '-f', conf, '-h', `${url}/ ${secureUrl}/`], { port })
  }
  const stop = async () => server?.stop()
  await start()
  return {
    url,
    secureUrl,
    port,
    securePort,
    ca: cert,
    folder,
    start,
    stop,
    async modify(text) {
      const args = ['-x', '-H', url, '-D', ROOT.dn, '-w', ROOT.password]
      await must(run(peer('ldapmodify') as string, args, { input: text }))
    },
    signal(name) {
      if (server?.process.pid) process.kill(server.process.pid, name)
    },
    async end() {
      server?.process.kill('SIGCONT')
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** LDIF that adds a group. */
export const group = (
  cn: string,
  objectClass: string,
  attribute: string,
  members: readonly string[],
): string =>
  ldif([
    {
      dn: `cn=${cn.replaceAll(',', '\\,')},${GROUPS}`,
      changetype: 'add',
      objectClass,
      cn,
      ...(objectClass === 'posixGroup' && { gidNumber: '4711' }),
      [attribute]: members,
    },
  ])

async function must(running: ReturnType<typeof run>): Promise<void> {
  const { status, stderr, stdout } = await running
  if (status !== 0) throw new Error(`exit ${status}: ${stdout}${stderr}`)
}
