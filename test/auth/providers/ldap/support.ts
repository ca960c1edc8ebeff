import { onTestFinished } from 'vitest'
import type { BasicCredential } from '../../../../src/auth/credential.js'
import type { Verdict } from '../../../../src/auth/provider.js'
import {
  createLdapProvider,
  type LdapEvent,
  type LdapOptions,
  type LdapProvider,
} from '../../../../src/auth/providers/ldap/index.js'

export function basic(name: string, password: string | Buffer): BasicCredential {
  return { kind: 'basic', name, user: Buffer.from(name), password: Buffer.from(password as string) }
}

export interface Login {
  readonly provider: LdapProvider
  readonly events: LdapEvent[]
  readonly messages: () => string
  /** Logs in at the directory. */
  login(name: string, password: string | Buffer): Promise<Verdict>
  /** The name and groups of a login; or why it failed. */
  who(name: string, password: string | Buffer): Promise<string>
}

/** A provider that is closed after the test. */
export async function directory(options: LdapOptions): Promise<Login> {
  const events: LdapEvent[] = []
  const provider = await createLdapProvider(options, (event) => events.push(event))
  onTestFinished(() => provider.close())
  const login = (name: string, password: string | Buffer) => provider.verify(basic(name, password))
  return {
    provider,
    events,
    messages: () => events.map(({ message }) => message).join('\n'),
    login,
    async who(name, password) {
      const verdict = await login(name, password)
      if (verdict.ok) return [verdict.principal.name, ...verdict.principal.groups].join(' ')
      return verdict.unknown ? 'unknown' : verdict.reason
    },
  }
}

/** Polls until the answer is as wanted, or for `patience` milliseconds. Returns the last answer. */
export async function until<T>(
  ask: () => T | Promise<T>,
  isWanted: (answer: T) => boolean,
  patience = 60_000,
): Promise<T> {
  const deadline = performance.now() + patience
  for (;;) {
    const answer = await ask()
    if (isWanted(answer) || performance.now() > deadline) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
