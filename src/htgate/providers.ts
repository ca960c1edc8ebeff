import { availableParallelism } from 'node:os'
import type { AuthEvent } from '../auth/events.js'
import type { Provider } from '../auth/provider.js'
import { createPasswordFileProvider } from '../auth/providers/password-file/provider.js'
import { algorithmOf } from '../password.js'
import type { Settings } from './options/index.js'

/** The ways to log in that the settings ask for. */
export interface Providers {
  /** In the order in which they are asked. */
  readonly chain: readonly Provider[]
  /** Reads files again, at SIGHUP. Failures are reported as events. */
  reload(): void
}

/**
 * Opens the providers.
 *
 * @param sharedKey a secret that all processes share
 * @param onEvent called with what operators may want to know
 */
export async function openProviders(
  settings: Settings,
  sharedKey: Buffer,
  onEvent: (event: AuthEvent) => void,
): Promise<Providers> {
  const { rehash, cacheSize, cacheTtl } = settings
  const passwordFile = await createPasswordFileProvider({
    file: settings.file as string,
    workers: hashThreadsOf(settings),
    cacheSize,
    cacheTtl,
    rehash: rehash && algorithmOf(rehash),
    key: sharedKey,
    onEvent,
  })
  return {
    chain: [passwordFile],
    reload: () => void passwordFile.reload().catch(() => {}),
  }
}

/** Threads that hash in this process: the processors are divided among the workers. */
const hashThreadsOf = ({ hashThreads, workers }: Settings): number =>
  hashThreads ?? Math.max(1, Math.floor(availableParallelism() / workers))
