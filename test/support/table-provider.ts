import type { Credential, Principal, Provider, ProviderVerdict } from '../../src/index.js'

export interface Row {
  readonly password: string
  readonly groups?: readonly string[]
  readonly expiresAt?: number
}

/** Users in a table in memory: a minimal second way to log in. */
export class TableProvider implements Provider {
  readonly concurrency = 2
  epoch = 0
  readonly #known = new Map<string, string>()
  readonly #listeners: (() => void)[] = []

  constructor(
    readonly rows: Map<string, Row>,
    readonly name = 'table',
  ) {}

  /** To be called after a change of the rows. */
  changed(): void {
    this.#known.clear()
    this.epoch++
    for (const listener of this.#listeners) listener()
  }

  accepts = ({ kind }: Credential) => kind === 'basic'

  remembered(credential: Credential): Principal | undefined {
    if (credential.kind !== 'basic') return undefined
    const { name, password } = credential
    return this.#known.get(name) === password.toString() ? this.#principal(name) : undefined
  }

  async verify(credential: Credential): Promise<ProviderVerdict> {
    if (credential.kind !== 'basic') return { ok: false, reason: 'denied' }
    const { name, password } = credential
    const row = this.rows.get(name)
    if (row === undefined) return { ok: false, reason: 'denied', candidate: name, unknown: true }
    if (row.password !== password.toString()) return { ok: false, reason: 'denied', candidate: name }
    this.#known.set(name, row.password)
    return { ok: true, principal: this.#principal(name) }
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  status = () => ({ ready: true })

  async close(): Promise<void> {}

  #principal(name: string): Principal {
    const { groups = [], expiresAt } = this.rows.get(name) as Row
    return { name, provider: this.name, groups, ...(expiresAt === undefined ? {} : { expiresAt }) }
  }
}
