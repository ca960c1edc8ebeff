import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createAuthenticator } from '../../src/index.js'
import { temporaryFolder } from '../support/folder.js'
import { htpasswdHere } from '../support/in-process.js'
import { describeWith } from '../support/peers.js'
import { basic, statusFor } from '../support/requests.js'
import { apacheHtpasswd, htpasswd, type Result } from '../support/run.js'
import { apacheWith, caddyWith, nginxWith } from './servers.js'
import { columnOf, tableUnder } from './table.js'

// Files written by our htpasswd, read by other programs. Each cell of the table in docs/interop.md is tested with the real
// program.

// Not ASCII. The wrong password differs within the 8 bytes that DES crypt uses.
const PASSWORD = 'Größe 1'
const WRONG = 'Grösse 1'

/** Records by other programs, which our htpasswd only reads. */
const FOREIGN: Record<string, string> = {
  '`$2b$`': '$2b$05$2DMsHm.ay1fp5ICrZzN7HOGTfJ0p9CY4YjrKIntp/7LJlugepbaJq',
  '`$1$`': '$1$saltsalt$m7Ypl9vMp1a67qNc8OBIx/',
  '`{SSHA}`': '{SSHA}WsxojBExvSYfSuPCrqdA7mZGi81zYWx0',
  '`{PLAIN}`': `{PLAIN}${PASSWORD}`,
  // Hashed by libxcrypt.
  'yescrypt, `$y$`': '$y$j9T$abcdefgh$bwV3jJjYoaGzmqFaLkc7cw6ZdvS6750r.CELz.nzY58',
  'gost-yescrypt, `$gy$`': '$gy$j9T$abcdefgh$IgaUGQAQIfsNh4DHLPB8RK/n7dAAic6hxtglpQmJD/8',
  'scrypt, `$7$`': '$7$CU..../....abcdefgh$x2Mhz4RCwKPfZKAn1KRpLquLBZu1TnebnsXdHDgdnBB',
  '`$2x$`': '$2x$05$CCCCCCCCCCCCCCCCCCCCC.CnUa3npbZ5UnO2824eFtVlbw22183Fm',
  '`$sha1$`': '$sha1$1000$abcdefgh$eH63waEcXK3/2BucmHjd1VFtIIUG',
  'SunMD5, `$md5`': '$md5,rounds=1000$abcdefgh$$fVq6JXQfLmkBd/lxGhlVx1',
  'BSDi DES, `_`': '_J9..abcdcZd6DQiRqr2',
  'NT hash, `$3$`': '$3$$3fc770e937cca926fae7b6b53fdfb02c',
}

const table = tableUnder('Schemes')
const { rows } = table

/** A file with a user for each row of the table, written by our htpasswd if it can. */
async function passwordFile(): Promise<string> {
  const file = join(temporaryFolder(), '.htpasswd')
  appendFileSync(file, '')
  for (const [scheme = '', flag = ''] of rows) {
    const foreign = FOREIGN[scheme]
    if (foreign !== undefined) appendFileSync(file, `${userOf(scheme)}:${foreign}\n`)
    else
      expect((await htpasswd(['-b', flag.replaceAll('`', ''), file, userOf(scheme), PASSWORD])).status).toBe(
        0,
      )
  }
  return file
}

const userOf = (scheme: string) => scheme.replaceAll(/[^A-Za-z0-9]/g, '')

type LetsIn = (user: string, password: string) => Promise<boolean>

/** Compares the column of `program` with its behavior, with the right password and a wrong one. */
async function expectColumn(program: string, letsIn: LetsIn): Promise<void> {
  const seen: Record<string, string> = {}
  for (const [scheme = ''] of rows) {
    seen[scheme] = (await letsIn(userOf(scheme), PASSWORD)) ? 'yes' : 'no'
    if (await letsIn(userOf(scheme), WRONG)) seen[scheme] = 'lets a wrong password in'
  }
  expect(seen).toEqual(columnOf(table, program))
}

const verifies =
  (command: (args: string[]) => Promise<Result>, file: string): LetsIn =>
  async (user, password) =>
    (await command(['-vb', file, user, password])).status === 0

test('our htpasswd -v', async () => {
  const here = (args: string[]) => htpasswdHere(args, { cwd: '/' })
  await expectColumn('`htpasswd -v`', verifies(here, await passwordFile()))
})

test('htgate', async () => {
  const authenticator = await createAuthenticator({ file: await passwordFile() })
  onTestFinished(() => authenticator.close())
  await expectColumn('htgate', async (user, password) => {
    return (await authenticator.authenticate(basic(user, password))).ok
  })
})

describeWith(['htpasswd'], 'Apache’s htpasswd', () => {
  test('-v', async () => {
    await expectColumn('Apache’s `htpasswd -v`', verifies(apacheHtpasswd, await passwordFile()))
  })
})

describeWith(['apache2'], 'Apache httpd', () => {
  test('AuthUserFile', async () => {
    const { url } = await apacheWith(await passwordFile())
    await expectColumn('Apache httpd', async (user, password) => {
      return (await statusFor(`${url}/in`, user, password)) === 200
    })
  })
})

describeWith(['nginx'], 'nginx', () => {
  test('auth_basic_user_file', async () => {
    const { url } = await nginxWith(await passwordFile())
    await expectColumn('nginx', async (user, password) => {
      return (await statusFor(`${url}/in`, user, password)) === 200
    })
  })
})

describeWith(['caddy'], 'Caddy', () => {
  test('basicauth', async () => {
    const records = readFileSync(await passwordFile(), 'utf8')
    await expectColumn('Caddy', async (user, password) => {
      const hash = new RegExp(`^${user}:(.*)$`, 'm').exec(records)?.[1] as string
      const caddy = await caddyWith(user, hash).catch(() => undefined)
      return caddy !== undefined && (await statusFor(`${caddy.url}/in`, user, password)) === 200
    })
  })
})
