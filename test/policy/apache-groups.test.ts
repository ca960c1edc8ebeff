import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseGroups } from '../../src/policy/parse-groups.js'
import { temporaryFolder } from '../support/folder.js'
import { describeWith, peer } from '../support/peers.js'
import { type Random, randomFrom } from '../support/random.js'
import { basic } from '../support/requests.js'
import { htpasswd } from '../support/run.js'
import { freePort, startServer } from '../support/servers.js'

// Group files, including unusual ones, read by Apache httpd and by ours: both find the same groups for each user.

const USERS = ['alice', 'bob', 'a b', "o'hara", 'x"y', 'back\\slash', 'alice,bob', '#dash', 'zoë']
const GROUPS = ['ops', 'ml-team', 'site ops', 'x:y', '#no']

const quoted = (name: string): string => `"${name.replace(/["\\]/g, '\\$&')}"`

const SPELLINGS: ((name: string) => string)[] = [
  (name) => name,
  quoted,
  (name) => `'${name.replace(/['\\]/g, '\\$&')}'`,
  (name) => `"${name}`,
  (name) => name.replaceAll('\\', '\\\\'),
  (name) => `${quoted(name)}${quoted(name)}`,
]

/** A group file with all kinds of lines, usual and unusual. */
function randomFile(random: Random): string {
  let text = ''
  for (let lines = 1 + random.number(8); lines > 0; lines--) {
    const members = Array.from({ length: random.number(4) }, () => random.pick(SPELLINGS)(random.pick(USERS)))
    const colon = random.pick([':', ': ', ' : ', '::', ':\t', ''])
    const separator = random.pick([' ', '  ', '\t', ' \\\n', ', ', '\\\n'])
    text += random.pick(['', '', '  ', '# ']) + random.pick(GROUPS) + colon + members.join(separator)
    text += random.pick(['\n', '\r\n', ' \n', '\n\n'])
  }
  return random.chance(0.2) ? text.trimEnd() : text
}

describeWith(['apache2'], 'Apache httpd', () => {
  test('reads group files as we do', async () => {
    const folder = temporaryFolder()
    const port = await freePort()
    const passwords = join(folder, 'htpasswd')
    writeFileSync(passwords, '')
    for (const user of USERS.filter((name) => !/^#/.test(name))) await htpasswd(['-bs', passwords, user, 'p'])
    const random = randomFrom(`groups ${process.env.HTGATE_SEED ?? 1}`)
    const files = Array.from({ length: 30 }, () => randomFile(random))
    const places = files.map((text, i) => {
      writeFileSync(join(folder, `groups${i}`), text)
      return GROUPS.map((group, j) => {
        mkdirSync(join(folder, 'root', `${i}`, `${j}`), { recursive: true })
        writeFileSync(join(folder, 'root', `${i}`, `${j}`, 'index.html'), 'in')
        return `<Location /${i}/${j}/>
  AuthGroupFile ${folder}/groups${i}
  Require group ${quoted(group)}
</Location>`
      }).join('\n')
    })
    writeFileSync(join(folder, 'httpd.conf'), configuration(folder, port, passwords, places.join('\n')))
    const server = await startServer(
      peer('apache2') as string,
      ['-f', join(folder, 'httpd.conf'), '-DFOREGROUND'],
      { port },
    )
    onTestFinished(() => server.stop())

    for (const [i, text] of files.entries()) {
      const ours = parseGroups(Buffer.from(text))
      for (const [j, group] of GROUPS.entries()) {
        for (const user of USERS.filter((name) => !/^#/.test(name))) {
          const { status } = await fetch(`${server.url}/${i}/${j}/`, {
            headers: { authorization: basic(user, 'p') },
          })
          const isMember = ours.get(user)?.includes(group) ?? false
          expect(status, `${user} in ${group} by ${JSON.stringify(text)}`).toBe(isMember ? 200 : 401)
        }
      }
    }
  }, 120_000)
})

const configuration = (folder: string, port: number, passwords: string, places: string): string => `
ServerRoot ${folder}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/httpd.pid
ErrorLog ${folder}/error.log
DefaultRuntimeDir ${folder}
${[
  'mpm_event',
  'authn_core',
  'authn_file',
  'authz_core',
  'authz_user',
  'authz_groupfile',
  'auth_basic',
  'dir',
]
  .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
  .join('\n')}
User ${process.getuid?.() === 0 ? 'nobody' : `#${process.getuid?.()}`}
DocumentRoot ${folder}/root
<Location />
  AuthType Basic
  AuthName x
  AuthUserFile ${passwords}
</Location>
${places}
`
