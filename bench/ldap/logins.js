// Logins with an OpenLDAP directory of 1,500 users, over TLS: many at once; cached, compared with a password file; and
// unknown users compared with wrong passwords.
import { writeFileSync } from 'node:fs'
import { createAuthenticator, hash } from '../../dist/index.js'
import { inTemporaryFolder, median, printTable } from '../support/measure.js'
import { countingRelay, PEOPLE, SERVICE, startSlapd } from '../support/slapd.js'

const USERS = 1_500
const AT_ONCE = 200
const ATTEMPTS = Number(process.argv[2] ?? 500)
const BATCHES = 100
const BATCH = 1_000

const basic = (user, password) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

await inTemporaryFolder(async () => {
  const slapd = await startSlapd(USERS)
  const relay = await countingRelay(slapd.port)
  const ldap = { url: `ldaps://127.0.0.1:${relay.port}/${PEOPLE}`, ca: slapd.ca, ...SERVICE }
  const authenticator = await createAuthenticator({ ldap })
  try {
    const start = performance.now()
    const logins = Array.from({ length: AT_ONCE }, (_, i) =>
      authenticator.authenticate(basic(`user${i}`, `password${i}`)),
    )
    const refused = (await Promise.all(logins)).filter(({ ok }) => !ok).length
    const took = performance.now() - start
    const one = basic('user0', 'password0')
    writeFileSync('users', `user0:${await hash('password0')}\n`)
    const byFile = await createAuthenticator({ file: 'users' })
    await byFile.authenticate(one)
    const hits = remembered(authenticator, byFile, one)
    await byFile.close()
    printTable([
      [`${AT_ONCE} first logins at once`, ''],
      ['total, ms', took.toFixed(0)],
      ['refused', String(refused)],
      ['most connections at a time', String(relay.counts.most)],
      ['cached login, median µs', hits.ldap.toFixed(2)],
      ['cached login with a password file, in turn', hits.file.toFixed(2)],
      ['ratio', hits.ratio.toFixed(2)],
    ])

    const wrong = []
    const unknown = []
    const attempts = [
      async (i) => wrong.push(await time(authenticator, basic(`user${200 + (i % 1_000)}`, `wrong${i}`))),
      async (i) => unknown.push(await time(authenticator, basic(`nobody${i}`, `wrong${i}`))),
    ]
    // Each goes first equally often.
    for (let i = 0; i < ATTEMPTS; i++) {
      await attempts[i % 2](i)
      await attempts[1 - (i % 2)](i)
    }
    const [a, b] = [median(wrong), median(unknown)]
    console.log()
    printTable([
      [`${ATTEMPTS} attempts each`, 'median ms'],
      ['wrong password', a.toFixed(3)],
      ['unknown user', b.toFixed(3)],
      ['difference', `${(((b - a) / a) * 100).toFixed(1)} %`],
      [
        'quartiles for wrong passwords',
        `${quantile(wrong, 0.25).toFixed(3)} to ${quantile(wrong, 0.75).toFixed(3)}`,
      ],
    ])
  } finally {
    await authenticator.close()
    relay.stop()
    slapd.stop()
  }
})

/** CPU time per login in µs, measured in turn, so that other load on the machine affects both equally. */
function remembered(ldap, file, header) {
  const times = { ldap: [], file: [], ratio: [] }
  for (let batch = 0; batch < BATCHES; batch++) {
    const a = hits(ldap, header)
    const b = hits(file, header)
    times.ldap.push(a)
    times.file.push(b)
    times.ratio.push(a / b)
  }
  return { ldap: median(times.ldap), file: median(times.file), ratio: median(times.ratio) }
}

function hits(authenticator, header) {
  const start = process.cpuUsage()
  for (let i = 0; i < BATCH; i++) {
    if (!authenticator.authenticate(header).ok) throw new Error('not cached')
  }
  const { user, system } = process.cpuUsage(start)
  return (user + system) / BATCH
}

async function time(authenticator, header) {
  const start = performance.now()
  const { ok } = await authenticator.authenticate(header)
  if (ok) throw new Error('a wrong password was accepted')
  return performance.now() - start
}

function quantile(values, part) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)]
}
