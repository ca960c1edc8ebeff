import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.js'

export default defineConfig({
  test: {
    reporters: ['default', './test/support/left-out.ts'],
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    // Two cores: tests that start processes and measure latency get in each other's way beyond that.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
})
