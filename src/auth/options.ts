import { availableParallelism } from 'node:os'
import { HtgateError } from '../errors.js'
import { algorithmOf, type HashOptions } from '../password.js'
import type { Algorithm } from '../schemes/algorithm.js'
import { schemeNamed } from '../schemes/index.js'
import type { AuthEvent } from './events.js'

export interface AuthenticatorOptions {
  /** Path of the password file. It need not exist yet; until it does nobody gets in. */
  file: string
  /** What a browser shows when it asks for a password. Printable ASCII. Default `Restricted`. */
  realm?: string | undefined
  /** Threads that hash, started as they are needed. Default: one for each processor. */
  workers?: number | undefined
  /** Passwords that may wait for a thread; beyond that the answer is `busy`. Default: 32 for each thread. */
  queue?: number | undefined
  /** Passwords remembered; the least recently used is forgotten first. 0 remembers none. Default 10,000. */
  cacheSize?: number | undefined
  /** How long a password is remembered, in milliseconds. Default 3,600,000, an hour. */
  cacheTtl?: number | undefined
  /**
   * What records are to be at least: at a login with a weaker one the password is hashed anew so, and the record
   * replaced in the file, which this process must be allowed to write. Default: all stay as they are.
   */
  rehash?: HashOptions | undefined
  /** Told of what an operator may want to know, each time in a turn of the event loop's own. Default: nobody is. */
  onEvent?: ((event: AuthEvent) => void) | undefined
}

export type Settings = {
  [K in Exclude<keyof AuthenticatorOptions, 'rehash'>]-?: NonNullable<AuthenticatorOptions[K]>
} & { readonly rehash: Algorithm | undefined }

const QUEUE_PER_WORKER = 32

/** The options with their defaults. */
export function settingsOf(options: AuthenticatorOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw new HtgateError('ERR_OPTION', 'options have to be an object with at least file')
  }
  const workers = options.workers ?? availableParallelism()
  const settings = {
    file: options.file,
    realm: options.realm ?? 'Restricted',
    workers,
    queue: options.queue ?? workers * QUEUE_PER_WORKER,
    cacheSize: options.cacheSize ?? 10_000,
    cacheTtl: options.cacheTtl ?? 3_600_000,
    onEvent: options.onEvent ?? (() => {}),
    rehash: options.rehash && algorithmOf(options.rehash),
  }
  if (typeof settings.file !== 'string' || settings.file === '') throw wrong('file', 'has to be a path')
  if (typeof settings.realm !== 'string' || !/^[ -~]*$/.test(settings.realm)) {
    throw wrong('realm', 'has to be printable ASCII: it goes into a header')
  }
  requireInteger('workers', settings.workers, 1, 1024)
  requireInteger('queue', settings.queue, 0, 1_000_000)
  requireInteger('cacheSize', settings.cacheSize, 0, 10_000_000)
  requireInteger('cacheTtl', settings.cacheTtl, 0, Number.MAX_SAFE_INTEGER)
  if (settings.rehash && schemeNamed(settings.rehash.scheme).strength !== 'strong') {
    throw wrong('rehash', 'has to name a scheme that withstands guessing, such as bcrypt')
  }
  if (typeof settings.onEvent !== 'function') throw wrong('onEvent', 'has to be a function')
  return settings
}

function requireInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw wrong(name, `has to be a whole number from ${least} to ${most}, not ${value}`)
}

const wrong = (name: string, why: string) => new HtgateError('ERR_OPTION', `option ${name} ${why}`)
