import { type LoginCounters, sumCounters } from '../auth/counters.js'

// Each process counts its own metrics. They are exchanged as plain objects, added up if there are several processes, and then
// printed in Prometheus' text format (version 0.0.4).

/** Upper bounds of the buckets of the duration histogram, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]

/** Requests of one process at one time: plain JSON. */
export interface RequestCounters {
  /** Requests by status of the response. */
  readonly statuses: Readonly<Record<string, number>>
  /** Requests per bucket of `BUCKETS`, not cumulative; the last one is above all bounds. */
  readonly durations: readonly number[]
  /** Sum of all durations. */
  readonly seconds: number
  /** Bytes of response bodies. */
  readonly bytes: number
  /** Requests that were refused or ended early, by reason. */
  readonly reasons: Readonly<Record<string, number>>
  /** Requests in progress now. */
  readonly inProgress: number
}

/** All metrics of one process at one time: plain JSON. */
export interface Snapshot {
  readonly requests: RequestCounters
  readonly logins: LoginCounters
  /** Resident memory in bytes. */
  readonly memory: number
}

/** Counts the requests of this process. */
export class RequestMetrics {
  readonly #statuses = new Map<number, number>()
  readonly #reasons = new Map<string, number>()
  readonly #durations = new Array<number>(BUCKETS.length + 1).fill(0)
  #seconds = 0
  #bytes = 0
  #inProgress = 0

  begin(): void {
    this.#inProgress++
  }

  /**
   * Counts the end of a request.
   *
   * @param ms duration in milliseconds
   * @param bytes length of the response's body
   * @param reason why the gate refused or ended the request, if it did
   */
  end(status: number, ms: number, bytes: number, reason?: string): void {
    this.#inProgress--
    this.#count(status, ms, bytes)
    if (reason !== undefined) this.#countReason(reason)
  }

  /** Counts an invalid request. */
  unreadable(status: number, reason: string): void {
    this.#count(status, 0, 0)
    this.#countReason(reason)
  }

  #countReason(reason: string): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
  }

  snapshot(): RequestCounters {
    return {
      statuses: Object.fromEntries(this.#statuses),
      durations: [...this.#durations],
      seconds: this.#seconds,
      bytes: this.#bytes,
      reasons: Object.fromEntries(this.#reasons),
      inProgress: this.#inProgress,
    }
  }

  #count(status: number, ms: number, bytes: number): void {
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
    const seconds = ms / 1000
    let bucket = 0
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++
    ;(this.#durations[bucket] as number)++
    this.#seconds += seconds
    this.#bytes += bytes
  }
}

/** Combines the metrics of several processes. */
export function sumSnapshots(snapshots: readonly Snapshot[]): Snapshot {
  const requests = snapshots.map((snapshot) => snapshot.requests)
  const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
  return {
    requests: {
      statuses: sumByName(requests.map(({ statuses }) => statuses)),
      reasons: sumByName(requests.map(({ reasons }) => reasons)),
      durations: Array.from({ length: BUCKETS.length + 1 }, (_, i) =>
        sumOf(requests.map(({ durations }) => durations[i] ?? 0)),
      ),
      seconds: sumOf(requests.map(({ seconds }) => seconds)),
      bytes: sumOf(requests.map(({ bytes }) => bytes)),
      inProgress: sumOf(requests.map(({ inProgress }) => inProgress)),
    },
    logins: sumCounters(snapshots.map(({ logins }) => logins)),
    memory: sumOf(snapshots.map(({ memory }) => memory)),
  }
}

function sumByName(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const record of records) {
    for (const [name, count] of Object.entries(record)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

/** The totals of a process that has exited, without its current values. */
export function totalsOf({ requests, logins }: Snapshot): Snapshot {
  const providers = Object.fromEntries(
    Object.entries(logins.providers).map(([name, provider]) => [
      name,
      { ...provider, gauges: {}, sizes: {}, waiting: 0 },
    ]),
  )
  return {
    requests: { ...requests, inProgress: 0 },
    logins: { ...logins, delayed: 0, providers },
    memory: 0,
  }
}

type Value = readonly [labels: Readonly<Record<string, string>>, value: number]

/** Prints metrics in Prometheus' text format. */
export function printMetrics({ requests, logins, memory }: Snapshot): string {
  const lines: string[] = []
  const metric = (type: 'counter' | 'gauge', name: string, help: string, values: readonly Value[]) => {
    lines.push(`# HELP htgate_${name} ${help}`, `# TYPE htgate_${name} ${type}`)
    for (const [labels, value] of values) lines.push(`htgate_${name}${printLabels(labels)} ${value}`)
  }
  const statuses = Object.entries(requests.statuses).sort(([a], [b]) => Number(a) - Number(b))
  metric(
    'counter',
    'requests_total',
    'Requests by status of the response.',
    statuses.map(([status, count]) => [{ status }, count]),
  )
  metric(
    'counter',
    'refusals_total',
    'Requests that the gate refused or ended, by reason.',
    Object.entries(requests.reasons)
      .sort()
      .map(([reason, count]) => [{ reason }, count]),
  )
  lines.push(...printHistogram(requests))
  metric('counter', 'response_bytes_total', 'Bytes of response bodies.', [[{}, requests.bytes]])
  metric('gauge', 'requests_in_progress', 'Requests in progress.', [[{}, requests.inProgress]])
  metric(
    'counter',
    'logins_total',
    'Requests by result of their login.',
    Object.entries(logins.results).map(([result, count]) => [{ result: snake(result) }, count]),
  )
  metric('gauge', 'logins_delayed', 'Responses delayed because of failed logins.', [[{}, logins.delayed]])
  const providers = Object.entries(logins.providers)
  metric(
    'counter',
    'provider_logins_total',
    'Logins by provider and result.',
    providers.flatMap(([provider, { results }]) =>
      Object.entries(results).map(([result, count]): Value => [{ provider, result: snake(result) }, count]),
    ),
  )
  metric(
    'gauge',
    'logins_waiting',
    'Logins waiting to be verified.',
    providers.map(([provider, { waiting }]) => [{ provider }, waiting]),
  )
  for (const [kind, type, suffix] of MEASURES) {
    const names = new Set(providers.flatMap(([, provider]) => Object.keys(provider[kind])))
    for (const name of names) {
      const values = providers.flatMap(([provider, measures]): Value[] => {
        const value = measures[kind][name]
        return value === undefined ? [] : [[{ provider }, value]]
      })
      metric(type, `${snake(name)}${suffix}`, HELP[name] ?? `${name}, as counted by the provider.`, values)
    }
  }
  metric('gauge', 'memory_bytes', 'Resident memory.', [[{}, memory]])
  return `${lines.join('\n')}\n`
}

const MEASURES = [
  ['counts', 'counter', '_total'],
  ['gauges', 'gauge', ''],
  ['sizes', 'gauge', ''],
] as const

const HELP: Readonly<Record<string, string>> = {
  hashes: 'Passwords hashed.',
  rehashes: 'Records replaced with stronger ones.',
  reloads: 'Loads of the file.',
  queries: 'Queries to the directory for logins and accounts.',
  refreshes: 'Cached logins verified again.',
  revocations: 'Cached logins that the directory no longer grants.',
  cached: 'Verified credentials in the cache.',
  users: 'Users in the password file.',
  tokens: 'Tokens in the token file.',
  verified: 'Bearer tokens verified.',
}

/** Converts names to Prometheus' style: `no-credentials` and `staleReads` become `no_credentials` and `stale_reads`. */
const snake = (name: string): string =>
  name.replaceAll('-', '_').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

function printLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/["\\\n]/g, '')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function printHistogram({ durations, seconds }: RequestCounters): string[] {
  const name = 'htgate_request_duration_seconds'
  let count = 0
  const buckets = [...BUCKETS, '+Inf'].map((bound, i) => {
    count += durations[i] ?? 0
    return `${name}_bucket{le="${bound}"} ${count}`
  })
  return [
    `# HELP ${name} Time from the request's head to the end of its response.`,
    `# TYPE ${name} histogram`,
    ...buckets,
    `${name}_sum ${seconds}`,
    `${name}_count ${count}`,
  ]
}
