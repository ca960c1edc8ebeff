import { noProviderResults } from './counters.js'
import type { Credential } from './credential.js'
import { FairQueue } from './fair-queue.js'
import type { Provider, Verdict } from './provider.js'

/** A login on its way to a provider. */
export interface Login {
  readonly client: string
  /** The claimed name; empty if the credential has none. */
  readonly user: string
  /** Whether the client has recent failed logins. */
  readonly isSuspect: boolean
  /** Aborts when all clients that wait for the verdict have disconnected. */
  readonly signal: AbortSignal
}

interface Job {
  readonly credential: Credential
  readonly login: Login
  readonly settle: (verdict: Verdict) => void
}

/** Passes logins to one provider, up to its concurrency; the others wait in a fair queue. */
export class ProviderLane {
  readonly results = noProviderResults()
  readonly #queue: FairQueue<Job>
  #running = 0
  #closed = false

  /** @param queue number of logins that may wait */
  constructor(
    readonly provider: Provider,
    queue: number,
  ) {
    this.#queue = new FairQueue(queue)
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Asks the provider when it is the login's turn. Never rejects. */
  verify(credential: Credential, login: Login): Promise<Verdict> {
    if (this.#closed) return Promise.resolve(this.#refused('unavailable', login))
    if (login.signal.aborted) return Promise.resolve(this.#refused('busy', login))
    return new Promise((settle) => {
      const job = { credential, login, settle }
      if (this.#running < this.provider.concurrency) this.#run(job)
      else this.#wait(job)
    })
  }

  /** Moves the waiting logins of a client that has failed behind those of others. */
  suspect(client: string): void {
    this.#queue.suspect(client)
  }

  /** Waiting and later logins get `unavailable`. */
  close(): void {
    this.#closed = true
    for (let job = this.#queue.shift(); job; job = this.#queue.shift()) {
      job.settle(this.#refused('unavailable', job.login))
    }
  }

  #wait(job: Job): void {
    const { client, user, isSuspect, signal } = job.login
    const evicted = this.#queue.push(job, client, user, isSuspect)
    evicted?.settle(this.#refused('busy', evicted.login))
    if (evicted === job) return
    const drop = () => {
      if (this.#queue.remove(job, client, user)) job.settle(this.#refused('busy', job.login))
    }
    signal.addEventListener('abort', drop, { once: true })
  }

  async #run({ credential, login, settle }: Job): Promise<void> {
    this.#running++
    const verdict = await this.#ask(credential, login)
    this.#running--
    if (!this.#closed && this.#running < this.provider.concurrency) {
      const next = this.#queue.shift()
      if (next) void this.#run(next)
    }
    this.results[resultOf(verdict)]++
    settle(verdict)
  }

  /** If a provider violates its contract and rejects, the login is refused, and its slot is freed. */
  async #ask(credential: Credential, login: Login): Promise<Verdict> {
    try {
      return await this.provider.verify(credential, login.client, login.signal)
    } catch {
      return { ok: false, reason: 'unavailable', ...(login.user === '' ? {} : { candidate: login.user }) }
    }
  }

  #refused(reason: 'busy' | 'unavailable', { user }: Login): Verdict {
    this.results[reason]++
    return { ok: false, reason, ...(user === '' ? {} : { candidate: user }) }
  }
}

function resultOf(verdict: Verdict): keyof ReturnType<typeof noProviderResults> {
  if (verdict.ok) return 'verified'
  if (verdict.unknown) return 'unknown'
  return verdict.reason === 'limited' ? 'busy' : verdict.reason
}
