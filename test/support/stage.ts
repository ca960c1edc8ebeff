import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { expect, vi } from 'vitest'
import { mlflowClient, startMlflow } from './mlflow.js'
import { peer } from './peers.js'
import type { Server } from './servers.js'

/** MLflow with a run named `deeper`, whose metrics are curves, and a Chromium to look at it. */
export interface Stage {
  readonly folder: string
  readonly mlflow: Server
  readonly browser: Browser
  /** The id of the run's experiment. */
  readonly experiment: string
  /** The id of the run. */
  readonly run: string
  close(): Promise<void>
}

/** @param name a host name that the browser resolves to this machine */
export async function setStage(name = 'localhost'): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'htgate-stage-'))
  const mlflow = await startMlflow(join(folder, 'mlflow'))
  const [{ stdout }, browser] = await Promise.all([
    mlflowClient('test/e2e/client.py', ['curves'], { MLFLOW_TRACKING_URI: mlflow.url }),
    chromium.launch({
      executablePath: peer('chromium') as string,
      // Root cannot use the sandbox; a container's /dev/shm is small.
      args: ['--no-sandbox', '--disable-dev-shm-usage', `--host-resolver-rules=MAP ${name} 127.0.0.1`],
    }),
  ])
  const [, experiment = '', run = ''] = /^(\d+) ([0-9a-f]{32})$/m.exec(stdout.toString()) ?? []
  return {
    folder,
    mlflow,
    browser,
    experiment,
    run,
    async close() {
      await browser.close()
      await mlflow.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** MLflow's page is large, and the machine may be busy. Milliseconds. */
export const PATIENCE = 90_000

/** Waits until the three charts of the run's metrics are drawn. */
export async function chartsDrawn(page: Page): Promise<void> {
  const drawn = page.locator('.js-plotly-plot:has(path.js-line)')
  await vi.waitFor(async () => expect(await drawn.count()).toBe(3), { timeout: PATIENCE })
}
