import type { ProviderStatus } from '../../provider.js'
import { explain } from './errors.js'
import type { LdapEvent } from './events.js'

/** Tracks whether the directory responds. While it does not, one login at a time tries it, and the others fail at once. */
export class Health {
  #problem: string | undefined
  /** By performance.now(). */
  #lastSuccess = Number.NEGATIVE_INFINITY
  readonly #tell: (event: LdapEvent) => void

  constructor(tell: (event: LdapEvent) => void) {
    this.#tell = tell
  }

  get isGood(): boolean {
    return this.#problem === undefined
  }

  get status(): ProviderStatus {
    return this.#problem === undefined ? { ready: true } : { ready: false, detail: this.#problem }
  }

  /** In milliseconds. */
  get sinceSuccess(): number {
    return performance.now() - this.#lastSuccess
  }

  succeeded(): void {
    this.#lastSuccess = performance.now()
    if (this.#problem === undefined) return
    this.#problem = undefined
    this.#tell({
      type: 'directory-reachable',
      level: 'info',
      message: 'ldap: the directory is responding again',
    })
  }

  /**
   * @param since when the request was sent, by performance.now()
   * @returns whether the problem is new
   */
  failed(error: unknown, since: number): boolean {
    // Other requests have succeeded meanwhile, so this is not an outage.
    if (this.#lastSuccess > since) return false
    const problem = explain(error)
    const isNews = this.#problem !== problem
    this.#problem = problem
    if (!isNews) return false
    const message = `ldap: ${problem}; new logins get 503`
    this.#tell({ type: 'directory-unreachable', level: 'error', message })
    return true
  }
}
