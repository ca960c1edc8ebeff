import type { X509Certificate } from 'node:crypto'
import type { Credential } from '../../credential.js'
import { nameFlaw } from '../../names.js'
import type { Principal } from '../../principal.js'
import type { Finding, Provider, ProviderStatus, Verdict } from '../../provider.js'
import { Watcher } from '../../watcher.js'
import { Chains } from './chains.js'
import {
  type CertificateIdentity,
  parseRevocationLists,
  type RevocationList,
  subjectOf,
} from './revocation-list.js'

// Client certificates as credentials. The handshake has verified issuer and dates. This provider checks whether the
// certificate or an intermediate one has been revoked, also for open connections, and finds the user's name.

const MAX_REMEMBERED = 10_000

export interface CertificateProviderOptions {
  /** Where the user name comes from: the subject's common name, or the e-mail address in the alternative names. */
  readonly user: 'cn' | 'email'
  /** Path of the revocation list. Default: nothing is revoked. */
  readonly crl?: string | undefined
  /** The authorities that the handshake trusts. Only needed with `crl`. */
  readonly authorities?: readonly X509Certificate[]
  readonly onEvent?: ((event: CertificateEvent) => void) | undefined
  readonly now?: (() => number) | undefined
}

export interface CertificateEvent {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
}

type Standing = 'good' | 'revoked' | 'unknown'

export class CertificateProvider implements Provider {
  readonly name = 'certificate'
  readonly concurrency = 16
  readonly schemes = []
  readonly #user: 'cn' | 'email'
  readonly #crl: string | undefined
  readonly #onEvent: (event: CertificateEvent) => void
  readonly #now: () => number
  readonly #watcher: Watcher | undefined
  /** Undefined while the file cannot be read. */
  #lists: readonly RevocationList[] | undefined
  #authorities: readonly X509Certificate[]
  #chains: Chains
  #detail = 'the revocation list has not been read yet'
  #epoch = 0
  readonly #listeners: (() => void)[] = []
  /** By fingerprint; undefined if the certificate has no valid user name. */
  readonly #principals = new Map<string, Principal | undefined>()

  constructor({ user, crl, authorities = [], onEvent, now = Date.now }: CertificateProviderOptions) {
    this.#user = user
    this.#crl = crl
    this.#authorities = authorities
    this.#chains = new Chains(authorities)
    this.#onEvent = onEvent ?? (() => {})
    this.#now = now
    if (crl === undefined) this.#lists = []
    else {
      this.#watcher = new Watcher(crl, {
        content: async (bytes) => this.#load(bytes),
        unreadable: (error) => this.#fail(error),
      })
    }
  }

  /** Replaces the authorities. */
  trust(authorities: readonly X509Certificate[]): void {
    this.#authorities = authorities
    this.#chains = new Chains(authorities)
    this.#changed()
  }

  /** Reads the revocation list, then watches it. */
  async start(): Promise<void> {
    await this.#watcher?.start()
  }

  get epoch(): number {
    return this.#epoch
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  accepts(credential: Credential): boolean {
    return credential.kind === 'certificate'
  }

  remembered(credential: Credential): Principal | undefined {
    if (credential.kind !== 'certificate') return undefined
    return this.standing(credential.certificate) === 'good'
      ? this.#principalOf(credential.certificate)
      : undefined
  }

  async verify(credential: Credential): Promise<Verdict> {
    if (credential.kind !== 'certificate') return { ok: false, reason: 'denied', unknown: true }
    const principal = this.#principalOf(credential.certificate)
    const candidate = principal && { candidate: principal.name }
    const standing = this.standing(credential.certificate)
    if (standing === 'unknown') return { ok: false, reason: 'unavailable', ...candidate }
    if (standing === 'revoked' || principal === undefined)
      return { ok: false, reason: 'denied', ...candidate }
    return { ok: true, principal }
  }

  /**
   * Whether a certificate or an intermediate one in its chain is revoked; `unknown` while the lists cannot be read, or an
   * issuer's list is missing or out of date.
   */
  standing(certificate: X509Certificate): Standing {
    if (this.#lists === undefined) return 'unknown'
    if (this.#lists.length === 0) return 'good'
    const chains = this.#chains.of(certificate).map((chain) => chain.map((each) => this.#standingOf(each)))
    if (chains.some((chain) => chain.every((each) => each === 'good'))) return 'good'
    return chains.some((chain) => chain.includes('revoked')) ? 'revoked' : 'unknown'
  }

  #standingOf({ issuer, serial }: CertificateIdentity): Standing {
    const lists = (this.#lists ?? []).filter((list) => list.issuer === issuer)
    if (lists.some(({ revoked }) => revoked.has(serial))) return 'revoked'
    const isOverdue = lists.every(({ nextUpdate }) => nextUpdate !== undefined && nextUpdate < this.#now())
    return isOverdue ? 'unknown' : 'good'
  }

  /** Checks that the revocation list can be read and is up to date. */
  async check(): Promise<Finding[]> {
    if (this.#crl === undefined) {
      const text = 'no revocation list: certificates are valid until they expire'
      return [{ state: 'works', text, hint: 'set one with --client-crl' }]
    }
    if (this.#lists === undefined) return [{ state: 'fails', text: this.#detail }]
    const missing = this.#withoutList().map((name): Finding => {
      const text = `${this.#crl}: no revocation list of ${name}; its certificates are rejected`
      return { state: 'warning', text, hint: 'add the list' }
    })
    const lists = this.#lists.map(({ revoked, nextUpdate }): Finding => {
      const text = `${this.#crl}: ${revoked.size} revoked certificate${revoked.size === 1 ? '' : 's'}`
      if (nextUpdate === undefined || nextUpdate >= this.#now()) return { state: 'works', text }
      const due = new Date(nextUpdate).toISOString()
      return { state: 'fails', text: `${text}; out of date since ${due}`, hint: 'fetch the new list' }
    })
    return [...lists, ...missing]
  }

  /** The trusted authorities that have no list. */
  #withoutList(): string[] {
    const issuers = new Set(this.#lists?.map(({ issuer }) => issuer))
    return this.#authorities
      .filter((authority) => !issuers.has(subjectOf(authority)))
      .map(({ subject }) => subject.replaceAll('\n', ', '))
  }

  status(): ProviderStatus {
    return this.#lists ? { ready: true } : { ready: false, detail: this.#detail }
  }

  /** Reloads the revocation list now. @throws a system error */
  async reload(): Promise<void> {
    await this.#watcher?.read()
  }

  async close(): Promise<void> {
    await this.#watcher?.close()
  }

  #principalOf(certificate: X509Certificate): Principal | undefined {
    const { fingerprint256: key } = certificate
    if (this.#principals.has(key)) return this.#principals.get(key)
    const name = nameIn(certificate, this.#user)
    const expiresAt = Date.parse(certificate.validTo)
    const principal = name === undefined ? undefined : { name, provider: this.name, groups: [], expiresAt }
    if (this.#principals.size >= MAX_REMEMBERED) this.#principals.clear()
    this.#principals.set(key, principal)
    return principal
  }

  #load(bytes: Buffer): void {
    try {
      this.#lists = parseRevocationLists(bytes)
    } catch (error) {
      this.#fail(error as Error)
      return
    }
    const count = this.#lists.reduce((sum, { revoked }) => sum + revoked.size, 0)
    this.#tell('info', `${this.#crl}: ${count} revoked certificate${count === 1 ? '' : 's'}`)
    if (this.#lists.some(({ nextUpdate }) => nextUpdate !== undefined && nextUpdate < this.#now())) {
      this.#tell(
        'error',
        `${this.#crl}: the revocation list is out of date; rejecting certificates of its issuer`,
      )
    }
    for (const name of this.#withoutList()) {
      this.#tell('warn', `${this.#crl}: no revocation list of ${name}; rejecting its certificates`)
    }
    this.#changed()
  }

  #fail(error: Error): void {
    this.#lists = undefined
    this.#detail = `cannot read ${this.#crl}: ${error.message}`
    this.#tell('error', `${this.#detail}; rejecting all client certificates`)
    this.#changed()
  }

  #changed(): void {
    this.#epoch++
    for (const listener of this.#listeners) listener()
  }

  #tell(level: CertificateEvent['level'], message: string): void {
    queueMicrotask(() => this.#onEvent({ level, message }))
  }
}

/** The user name in a certificate; undefined if it has none, more than one, or an invalid one. */
export function nameIn(certificate: X509Certificate, field: 'cn' | 'email'): string | undefined {
  const { subject, subjectaltname } = certificate.toLegacyObject()
  const names =
    field === 'cn'
      ? [(subject as { CN?: string | string[] } | undefined)?.CN].flat()
      : emailsIn(subjectaltname ?? '')
  const [name, ...more] = names.filter((each) => each !== undefined)
  return name === undefined || more.length > 0 || nameFlaw(name) !== undefined ? undefined : name
}

/** The e-mail addresses among alternative names. Node quotes values that could be mistaken for several. */
function emailsIn(names: string): string[] {
  if (names.includes('"')) return []
  return names.split(', ').flatMap((name) => (name.startsWith('email:') ? [name.slice('email:'.length)] : []))
}
