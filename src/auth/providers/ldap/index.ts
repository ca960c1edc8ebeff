import type { LdapEvent } from './events.js'
import { type LdapOptions, ldapSettings } from './options.js'
import { LdapProvider } from './provider.js'

export type { LdapEvent } from './events.js'
export type { LdapOptions } from './options.js'
export type { LdapProvider } from './provider.js'

/**
 * Logins by a directory server. Resolves when the directory has answered, or failed to: `status` knows which.
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
