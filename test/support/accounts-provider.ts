import type { Account, Provider } from '../../src/auth/provider.js'

/** A provider that lets no one in, but knows accounts; without `account` one that cannot be asked, like an issuer. */
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
