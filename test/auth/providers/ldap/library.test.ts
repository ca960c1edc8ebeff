import { expect, onTestFinished, test } from 'vitest'
import { type AuthEvent, type AuthenticatorOptions, createAuthenticator } from '../../../../src/index.js'
import { fakeLdap, PEOPLE, wonderland } from '../../../support/fake-ldap.js'
import { passwordFile, record } from '../../../support/gate.js'
import { basic } from '../../../support/requests.js'

// The library: createAuthenticator({ ldap }).

async function open(options: AuthenticatorOptions) {
  const authenticator = await createAuthenticator(options)
  onTestFinished(() => authenticator.close())
  return async (name: string, password: string) => {
    const verdict = await authenticator.authenticate(basic(name, password))
    return verdict.ok ? `${verdict.principal.provider}: ${verdict.user}` : verdict.reason
  }
}

const service = { bindDn: 'cn=service', bindPassword: 'service' }

test('accepts users of a directory', async () => {
  const server = await fakeLdap(wonderland())
  const who = await open({ ldap: { url: `${server.url}/${PEOPLE}`, ...service } })
  expect(await who('alice', 'wonderland')).toBe('ldap: alice')
  const { length } = server.requests
  expect(await who('alice', 'wonderland')).toBe('ldap: alice')
  expect(server.requests).toHaveLength(length)
  expect(await who('alice', 'wrong')).toBe('denied')
  expect(await who('alice', '')).toBe('denied')
})

test('tries a file and a directory in the order of the keys', async () => {
  const server = await fakeLdap(wonderland())
  const ldap = { url: `${server.url}/${PEOPLE}`, ...service }
  const file = passwordFile(record('alice', 'of the file'))
  const fileFirst = await open({ file, ldap })
  expect(await fileFirst('alice', 'of the file')).toBe('file: alice')
  expect(await fileFirst('alice', 'wonderland')).toBe('denied')
  const directoryFirst = await open({ ldap, file })
  expect(await directoryFirst('alice', 'wonderland')).toBe('ldap: alice')
  expect(await directoryFirst('alice', 'of the file')).toBe('denied')
})

test('is unavailable if the directory does not respond', async () => {
  const events: AuthEvent[] = []
  const ldap = { url: `ldap://127.0.0.1:1/${PEOPLE}`, ...service }
  const who = await open({ ldap, onEvent: (event) => events.push(event) })
  expect(await who('alice', 'wonderland')).toBe('unavailable')
  expect(events).toMatchObject([{ type: 'directory-unreachable', level: 'error' }])
})

test('rejects invalid options', async () => {
  await expect(createAuthenticator({ ldap: { url: 'ldap://ldap.example.org/dc=x' } })).rejects.toMatchObject({
    code: 'ERR_OPTION',
    message: expect.stringContaining('in plain text'),
  })
  const file = passwordFile()
  await expect(createAuthenticator({ file, ldap: { url: 'nonsense' } })).rejects.toMatchObject({
    code: 'ERR_OPTION',
  })
  await expect(createAuthenticator({ ldap: 'ldap://x' as never })).rejects.toMatchObject({
    code: 'ERR_OPTION',
  })
})
