import type { LoginCounters } from '../auth/counters.js'

// What Prometheus reads (its text format, version 0.0.4).

/** Upper bounds of the buckets, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]

export class Metrics {
  readonly #statuses = new Map<number, number>()
  readonly #reasons = new Map<string, number>()
  readonly #buckets = new Array<number>(BUCKETS.length).fill(0)
  #count = 0
  #seconds = 0
  #bytes = 0
  inProgress = 0

  /**
   * Counts a request that is over.
   *
   * @param ms how long it took
   * @param bytes of its response's body
   * @param reason why the gate refused it; undefined: it did not
   */
  add(status: number, ms: number, bytes: number, reason?: string): void {
    if (reason !== undefined) this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1)
    const seconds = ms / 1000
    let bucket = 0
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket++
    if (bucket < BUCKETS.length) (this.#buckets[bucket] as number)++
    this.#count++
    this.#seconds += seconds
    this.#bytes += bytes
  }

  /** All there is to tell, `logins` included. */
  text({ results, asked, providers }: LoginCounters): string {
    const lines: string[] = []
    const metric = (
      type: string,
      name: string,
      help: string,
      values: Iterable<readonly [string, number]>,
    ) => {
      lines.push(`# HELP htgate_${name} ${help}`, `# TYPE htgate_${name} ${type}`)
      for (const [suffix, value] of values) lines.push(`htgate_${name}${suffix} ${value}`)
    }
    const one = (value: number) => [['', value]] as const
    const statuses = [...this.#statuses].sort(([a], [b]) => a - b)
    metric(
      'counter',
      'requests_total',
      'Requests, by the status of the response.',
      statuses.map(([status, count]) => [`{status="${status}"}`, count]),
    )
    metric(
      'counter',
      'refusals_total',
      'Requests that the gate refused, by reason.',
      [...this.#reasons].sort().map(([reason, count]) => [`{reason="${reason}"}`, count]),
    )
    metric(
      'histogram',
      'request_duration_seconds',
      'From the head of the request to the end of the response.',
      [...this.#cumulated(), ['_sum', this.#seconds], ['_count', this.#count]],
    )
    metric('counter', 'response_bytes_total', 'Bytes of response bodies.', one(this.#bytes))
    metric('gauge', 'requests_in_progress', 'Requests that are not over.', one(this.inProgress))
    metric('counter', 'logins_total', 'Looks at credentials, by what came of it.', [
      ['{result="remembered"}', results.remembered],
      ['{result="hashed"}', asked],
      ['{result="none"}', results['no-credentials']],
      ['{result="malformed"}', results.malformed],
      ['{result="denied"}', results.denied],
      ['{result="busy"}', results.busy],
      ['{result="unavailable"}', results.unavailable],
      ['{result="limited"}', results.limited],
    ])
    metric('counter', 'hashes_total', 'Passwords hashed.', one(providers.file?.counts.hashes ?? 0))
    metric(
      'gauge',
      'passwords_waiting',
      'Passwords that wait to be hashed.',
      one(providers.file?.waiting ?? 0),
    )
    metric(
      'gauge',
      'passwords_remembered',
      'Passwords that need no hash.',
      one(providers.file?.gauges.cached ?? 0),
    )
    metric('gauge', 'users', 'Users in the password file.', one(providers.file?.sizes.users ?? 0))
    metric(
      'counter',
      'file_reads_total',
      'Times that the password file was read.',
      one(providers.file?.counts.reloads ?? 0),
    )
    metric('gauge', 'memory_bytes', 'Resident memory.', one(process.memoryUsage.rss()))
    return `${lines.join('\n')}\n`
  }

  #cumulated(): [string, number][] {
    let sum = 0
    const buckets = BUCKETS.map((bound, i): [string, number] => {
      sum += this.#buckets[i] as number
      return [`_bucket{le="${bound}"}`, sum]
    })
    return [...buckets, ['_bucket{le="+Inf"}', this.#count]]
  }
}

/** The metrics of several processes as one: added up, but for what each of them has whole. */
export function merge(texts: readonly string[]): string {
  const values = new Map<string, number | undefined>()
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [, name, value] = /^([^#].*) (\S+)$/.exec(line) ?? []
    if (name === undefined) values.set(line, undefined)
    else if (name === 'htgate_users') values.set(name, Number(value))
    else values.set(name, (values.get(name) ?? 0) + Number(value))
  }
  values.delete('')
  return `${[...values].map(([line, value]) => (value === undefined ? line : `${line} ${value}`)).join('\n')}\n`
}
