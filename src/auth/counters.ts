import type { Measures } from './provider.js'

/** The result for a request's credentials. */
export type LoginResult =
  /** Admitted by a provider's cache. */
  | 'remembered'
  /** Admitted by a provider's verdict. */
  | 'verified'
  | 'denied'
  | 'no-credentials'
  | 'malformed'
  | 'busy'
  | 'unavailable'
  | 'limited'

/** The result of asking one provider. */
export type ProviderResult = 'remembered' | 'verified' | 'denied' | 'unknown' | 'busy' | 'unavailable'

/** The counters of one process at one time: plain JSON. */
export interface LoginCounters {
  /** Requests by result. */
  readonly results: Readonly<Record<LoginResult, number>>
  /** Requests that needed a provider. */
  readonly asked: number
  /** Responses currently delayed because of their clients' failed logins. */
  readonly delayed: number
  readonly providers: Readonly<Record<string, ProviderCounters>>
}

/** The counters of one provider. */
export interface ProviderCounters extends Measures {
  /** Logins by result. */
  readonly results: Readonly<Record<ProviderResult, number>>
  /** Logins currently waiting for this provider. */
  readonly waiting: number
}

export const noResults = (): Record<LoginResult, number> => ({
  remembered: 0,
  verified: 0,
  denied: 0,
  'no-credentials': 0,
  malformed: 0,
  busy: 0,
  unavailable: 0,
  limited: 0,
})

export const noProviderResults = (): Record<ProviderResult, number> => ({
  remembered: 0,
  verified: 0,
  denied: 0,
  unknown: 0,
  busy: 0,
  unavailable: 0,
})

/** Combines the counters of several processes: adds them up, except for sizes, of which it takes the largest. */
export function sumCounters(snapshots: Iterable<LoginCounters>): LoginCounters {
  const sum = {
    results: noResults(),
    asked: 0,
    delayed: 0,
    providers: {} as Record<string, ReturnType<typeof emptyProvider>>,
  }
  for (const { results, asked, delayed, providers } of snapshots) {
    merge(sum.results, results, add)
    sum.asked += asked
    sum.delayed += delayed
    for (const [name, each] of Object.entries(providers)) {
      sum.providers[name] ??= emptyProvider()
      const provider = sum.providers[name]
      merge(provider.results, each.results, add)
      merge(provider.counts, each.counts, add)
      merge(provider.gauges, each.gauges, add)
      merge(provider.sizes, each.sizes, Math.max)
      provider.waiting += each.waiting
    }
  }
  return sum
}

const emptyProvider = () => ({
  results: noProviderResults(),
  counts: {} as Record<string, number>,
  gauges: {} as Record<string, number>,
  sizes: {} as Record<string, number>,
  waiting: 0,
})

const add = (a: number, b: number): number => a + b

function merge(
  into: Record<string, number>,
  from: Readonly<Record<string, number>>,
  combine: (a: number, b: number) => number,
): void {
  for (const [name, value] of Object.entries(from)) into[name] = combine(into[name] ?? 0, value)
}
