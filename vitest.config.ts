import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.js'

export default defineConfig({
  test: {
    reporters: ['default', './test/support/skipped.ts'],
    include: ['test/**/*.test.ts'],
    // Generous: a busy machine takes ten times as long as a quiet one. At full size some tests have 100,000 runs.
    testTimeout: process.env.HTGATE_FULL ? 900_000 : 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000, interval: 20 } },
    // One more than cores of a small machine: many tests wait for processes and timers.
    maxWorkers: 3,
    // Files share processes and loaded modules, so each leaves clocks, globals and the environment as they were. A process for
    // each file would take a third longer.
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
})
