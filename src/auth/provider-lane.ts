import { noProviderResults } from './counters.js'
import type { Credential } from './credential.js'
import { FairQueue } from './fair-queue.js'
import type { Provider, Verdict } from './provider.js'

/** A login on its way to a provider. */
export interface Login {
  readonly client: string
  /** The claimed name; empty where the credential does not claim one. */
  readonly user: string
  /** Whether logins of the client have failed lately. */
  readonly isSuspect: boolean
  /** Aborts when all clients that waited for the verdict have gone. */
  readonly signal: AbortSignal
}

interface Job {
  readonly credential: Credential
  readonly login: Login
  readonly settle: (verdict: Verdict) => void
}

/** Hands logins to one provider, as many at a time as it takes; the others wait in a fair queue. */
export class ProviderLane {
  readonly results = noProviderResults()
  readonly #queue: FairQueue<Job>
  #running = 0
  #closed = false

  /** @param queue how many logins may wait */
  constructor(
    readonly provider: Provider,
    queue: number,
  ) {
    this.#queue = new FairQueue(queue)
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** The provider's verdict, when it is the login's turn. Never rejects. */
  verify(credential: Credential, login: Login): Promise<Verdict> {
    if (this.#closed) return Promise.resolve(this.#refused('unavailable', login))
    if (login.signal.aborted) return Promise.resolve(this.#refused('busy', login))
    return new Promise((settle) => {
      const job = { credential, login, settle }
      if (this.#running < this.provider.concurrency) this.#run(job)
      else this.#wait(job)
    })
  }

  /** Lets the waiting logins of a client that has failed come after those of others. */
  suspect(client: string): void {
    this.#queue.suspect(client)
  }

  /** Answers all who wait `unavailable`. */
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

  /** A provider that rejects, against its contract, must neither let the login in nor keep its slot. */
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
