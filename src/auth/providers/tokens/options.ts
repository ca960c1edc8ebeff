import { HtgateError } from '../../../errors.js'
import type { Provider } from '../../provider.js'
import { type TokenEvent, TokenProvider } from './provider.js'
import { OWNER_TTL } from './records.js'

/** The gate's own tokens (`htg_…`), as bearer tokens and as passwords of HTTP Basic. */
export interface TokenOptions {
  /**
   * Path of the token file, which `htgate token` and `createToken` write. It need not exist yet. This process needs write access
   * to it and its folder to record when tokens were last used.
   */
  file: string
  /**
   * How long a token of an issuer's user works after the user's last login at an htgate that shares the file, in milliseconds.
   * Default 2,592,000,000, 30 days.
   */
  ownerTtl?: number | undefined
}

/**
 * Opens a token file, and watches it.
 *
 * @param accounts the providers of the owners' accounts, in the order of the chain
 * @throws HtgateError ERR_OPTION
 */
export async function openTokens(
  { file, ownerTtl = OWNER_TTL }: TokenOptions,
  accounts: readonly Provider[],
  onEvent: (event: TokenEvent) => void,
): Promise<TokenProvider> {
  if (typeof file !== 'string' || file === '') throw wrong('file', 'must be a path')
  if (!Number.isSafeInteger(ownerTtl) || ownerTtl <= 0) {
    throw wrong('ownerTtl', `must be a positive integer (milliseconds), not ${ownerTtl}`)
  }
  const provider = new TokenProvider({ file, accounts, ownerTtl, onEvent })
  await provider.start()
  return provider
}

const wrong = (name: string, why: string) => new HtgateError('ERR_OPTION', `option tokens.${name} ${why}`)
