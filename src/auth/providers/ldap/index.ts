import type { LdapEvent } from './events.js'
import { type LdapOptions, ldapSettings } from './options.js'
import { LdapProvider } from './provider.js'

export type { LdapEvent } from './events.js'
export type { LdapOptions } from './options.js'
export type { LdapProvider } from './provider.js'

/**
 * Creates a provider for a directory server. Resolves once the directory has responded or failed; `status` tells which.
 * @throws HtgateError ERR_OPTION
 */
export async function createLdapProvider(
  options: LdapOptions,
  onEvent: (event: LdapEvent) => void,
): Promise<LdapProvider> {
  const provider = new LdapProvider(ldapSettings(options), onEvent)
  await provider.start()
  return provider
}
