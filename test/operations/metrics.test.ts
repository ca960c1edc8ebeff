import { expect, test } from 'vitest'
import type { LoginCounters } from '../../src/auth/counters.js'
import { LoginPipeline } from '../../src/auth/login-pipeline.js'
import {
  printMetrics,
  RequestMetrics,
  type Snapshot,
  sumSnapshots,
  totalsOf,
} from '../../src/operations/metrics.js'
import { TableProvider } from '../support/table-provider.js'

const logins = (): LoginCounters => {
  const counters = new LoginPipeline({ providers: [new TableProvider(new Map(), 'table')] }).counters()
  const table = {
    ...(counters.providers.table as LoginCounters['providers'][string]),
    counts: { hashes: 3 },
    gauges: { cached: 2 },
    sizes: { users: 5 },
    waiting: 1,
  }
  return { ...counters, delayed: 4, providers: { table } }
}

function snapshot(): Snapshot {
  const metrics = new RequestMetrics()
  metrics.begin()
  metrics.begin()
  metrics.end(200, 3, 100)
  metrics.begin()
  metrics.end(403, 70_000, 10, 'role')
  metrics.unreadable(400, 'bad-request')
  return { requests: metrics.snapshot(), logins: logins(), memory: 1000 }
}

test('snapshots survive being sent between processes', () => {
  expect(JSON.parse(JSON.stringify(snapshot()))).toEqual(snapshot())
})

test('metrics of several processes are added up, except those that are the same in each', () => {
  const text = printMetrics(sumSnapshots([snapshot(), snapshot()]))
  for (const line of [
    'htgate_requests_total{status="200"} 2',
    'htgate_requests_total{status="400"} 2',
    'htgate_requests_total{status="403"} 2',
    'htgate_refusals_total{reason="role"} 2',
    'htgate_request_duration_seconds_bucket{le="0.0025"} 2',
    'htgate_request_duration_seconds_bucket{le="0.005"} 4',
    'htgate_request_duration_seconds_bucket{le="60"} 4',
    'htgate_request_duration_seconds_bucket{le="+Inf"} 6',
    'htgate_request_duration_seconds_count 6',
    'htgate_response_bytes_total 220',
    'htgate_requests_in_progress 2',
    'htgate_logins_delayed 8',
    'htgate_logins_waiting{provider="table"} 2',
    'htgate_hashes_total{provider="table"} 6',
    'htgate_cached{provider="table"} 4',
    'htgate_users{provider="table"} 5',
    'htgate_memory_bytes 2000',
  ]) {
    expect(text).toContain(`${line}\n`)
  }
})

test('an exited process keeps only its totals', () => {
  const text = printMetrics(sumSnapshots([totalsOf(snapshot()), snapshot()]))
  for (const line of [
    'htgate_requests_total{status="200"} 2',
    'htgate_hashes_total{provider="table"} 6',
    'htgate_requests_in_progress 1',
    'htgate_logins_delayed 4',
    'htgate_logins_waiting{provider="table"} 1',
    'htgate_cached{provider="table"} 2',
    'htgate_users{provider="table"} 5',
    'htgate_memory_bytes 1000',
  ]) {
    expect(text).toContain(`${line}\n`)
  }
})

test('every metric has one HELP and one TYPE line before its values', () => {
  const lines = printMetrics(snapshot()).trimEnd().split('\n')
  const names = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2])
  expect(new Set(names).size).toBe(names.length)
  let current = ''
  for (const line of lines) {
    if (line.startsWith('# HELP')) current = line.split(' ')[2] as string
    else if (!line.startsWith('#')) expect(line.startsWith(current)).toBe(true)
  }
})
