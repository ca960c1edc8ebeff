import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.js'

export default defineConfig({
  test: {
    reporters: ['default', './test/support/left-out.ts'],
    include: ['test/**/*.test.ts'],
    // Generous: a busy machine takes ten times as long as a quiet one. At full size some tests have 100,000 runs.
    testTimeout: process.env.HTGATE_FULL ? 900_000 : 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    // Two cores: tests that start processes and measure latency get in each other's way beyond that.
    maxWorkers: 2,
    isolate: false,
    sequence: { sequencer: LongestFirst },
  },
})
