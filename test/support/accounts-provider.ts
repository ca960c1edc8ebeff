import type { Account, Provider } from '../../src/auth/provider.js'

/** A provider that accepts no login, but knows accounts; without `account`, they cannot be looked up, as with an issuer. */
export function accountsProvider(
  name: string,
  account?: (user: string) => Account | Promise<Account>,
): Provider {
  return {
    name,
    concurrency: 1,
    accepts: () => false,
    remembered: () => undefined,
    verify: async () => ({ ok: false, reason: 'denied' }),
    ...(account ? { account } : {}),
    epoch: 0,
    onChange: () => {},
    status: () => ({ ready: true }),
    close: async () => {},
  }
}
