import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createAuthenticator } from '../../src/index.js'
import { audit } from '../../src/passwd-file/audit.js'
import { temporaryFolder } from '../support/folder.js'
import { htpasswdHere } from '../support/in-process.js'
import { describeWith } from '../support/peers.js'
import { basic, statusFor } from '../support/requests.js'
import { apacheHtpasswd } from '../support/run.js'
import { apacheWith, nginxWith } from './servers.js'
import { columnOf, tableUnder } from './table.js'
import { UNUSUAL } from './unusual.js'

// Files as found in practice, read by the real programs: the second table in docs/interop.md, cell by cell.

const table = tableUnder('White space')

/** Tests for each unusual file whether the program accepts its user. */
async function expectColumn(program: string, letsIn: (file: string, user: string) => Promise<boolean>) {
  const file = join(temporaryFolder(), 'users')
  const seen: Record<string, string> = {}
  for (const [label] of table.rows) {
    const { content, user = 'u' } = UNUSUAL[label as string] ?? { content: '' }
    writeFileSync(file, content)
    seen[label as string] = (await letsIn(file, user)) ? 'yes' : 'no'
  }
  expect(seen).toEqual(columnOf(table, program))
}

/** A server that reads one file, which is rewritten each time. */
async function served(start: (file: string) => Promise<{ url: string }>) {
  const { readFileSync } = await import('node:fs')
  const served = join(temporaryFolder(), 'served')
  writeFileSync(served, '')
  const { url } = await start(served)
  return async (file: string, user: string) => {
    writeFileSync(served, readFileSync(file))
    return (await statusFor(`${url}/in`, user, 'secret')) === 200
  }
}

test('each row of the table is tested', () => {
  expect(table.rows.map(([label]) => label)).toEqual(Object.keys(UNUSUAL))
})

test('our htpasswd -v', async () => {
  await expectColumn('`htpasswd -v`', async (file, user) => {
    return (await htpasswdHere(['-vb', file, user, 'secret'], { cwd: '/' })).status === 0
  })
})

test('htgate', async () => {
  await expectColumn('htgate', async (file, user) => {
    const authenticator = await createAuthenticator({ file })
    const { ok } = await authenticator.authenticate(basic(user, 'secret'))
    await authenticator.close()
    return ok
  })
})

describeWith(['htpasswd'], 'Apache’s htpasswd', () => {
  test('-v', async () => {
    await expectColumn('Apache’s `htpasswd -v`', async (file, user) => {
      return (await apacheHtpasswd(['-vb', file, user, 'secret'])).status === 0
    })
  })
})

describeWith(['apache2'], 'Apache httpd', () => {
  test('AuthUserFile', async () => expectColumn('Apache httpd', await served(apacheWith)))
})

describeWith(['nginx'], 'nginx', () => {
  test('auth_basic_user_file', async () => expectColumn('nginx', await served(nginxWith)))
})

/** What each audit message claims about the programs; undefined if nothing. */
const CLAIMS: [RegExp, Record<string, 'yes' | 'no'>][] = [
  [
    /no server|servers find no users|do not find its user/,
    { htgate: 'no', 'Apache httpd': 'no', nginx: 'no' },
  ],
  [
    /part of the name in every server/,
    { htgate: 'no', 'Apache httpd': 'no', nginx: 'no', '`htpasswd -v`': 'no' },
  ],
  [
    /nginx takes it as part of the name, other servers ignore it/,
    {
      htgate: 'yes',
      'Apache httpd': 'yes',
      nginx: 'no',
      '`htpasswd -v`': 'yes',
      'Apache’s `htpasswd -v`': 'yes',
    },
  ],
  [
    /httpd and htgate ignore it, nginx and htpasswd -v reject/,
    {
      htgate: 'yes',
      'Apache httpd': 'yes',
      nginx: 'no',
      '`htpasswd -v`': 'no',
      'Apache’s `htpasswd -v`': 'no',
    },
  ],
  [
    /httpd lets in clients that leave it empty, other servers skip/,
    { htgate: 'no', 'Apache httpd': 'yes', nginx: 'no' },
  ],
  [
    /servers use that one, htpasswd -v requires/,
    {
      htgate: 'yes',
      'Apache httpd': 'yes',
      nginx: 'yes',
      '`htpasswd -v`': 'no',
      'Apache’s `htpasswd -v`': 'no',
    },
  ],
  [/servers skip the line/, { htgate: 'yes', 'Apache httpd': 'yes', nginx: 'yes' }],
  [/htgate and htpasswd -v reject every password/, { htgate: 'no', '`htpasswd -v`': 'no' }],
]

test.each(Object.entries(UNUSUAL))(
  'the findings of the audit agree with the table: %s',
  (label, { content }) => {
    const findings = audit(Buffer.from(content)).filter(
      ({ user, rule }) => user !== 'a' && rule !== 'low-cost',
    )
    for (const { message } of findings) {
      // Only about the first line.
      if (label === 'byte-order mark, user on another line') continue
      const claims = CLAIMS.filter(([pattern]) => pattern.test(message))
      expect(claims, message).toHaveLength(1)
      for (const [program, cell] of Object.entries(claims[0]?.[1] ?? {})) {
        expect(`${program}: ${columnOf(table, program)[label]}`, message).toBe(`${program}: ${cell}`)
      }
    }
  },
)

test('the audit reports every file in which some server rejects the user', () => {
  // These three depend on a line without a record, or on the server's buffer.
  const silent = [
    'CR line endings',
    'a line of 9,000 bytes above',
    'a backslash at the end of the line above',
  ]
  for (const [label = '', , htgate, , httpd, nginx] of table.rows) {
    if ([htgate, httpd, nginx].every((cell) => cell === 'yes') || silent.includes(label)) continue
    const findings = audit(Buffer.from(UNUSUAL[label]?.content ?? ''))
    expect(
      findings.filter(({ rule }) => rule !== 'low-cost'),
      label,
    ).not.toEqual([])
  }
})
