import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fakeLdap, NOTHING, PEOPLE as WONDERLAND, wonderland } from '../support/fake-ldap.js'
import {
  type Gate,
  passwordFile,
  record,
  request,
  runGate,
  startGate,
  startUpstream,
  until,
} from '../support/gate.js'
import { describeWith, peer } from '../support/peers.js'
import { basic } from '../support/requests.js'
import { run } from '../support/run.js'
import { GROUPS, group, PEOPLE, person, SERVICE, type Slapd, startSlapd } from '../support/slapd.js'

// The whole gate with a directory: responses to users, logs for operators, and the load on the directory.

const as = (name: string, password: string) => ({ headers: { authorization: basic(name, password) } })

describeWith(['slapd', 'ldapmodify'], 'htgate with OpenLDAP', () => {
  let slapd: Slapd
  let ldap: string[]

  beforeAll(async () => {
    const people = Array.from({ length: 210 }, (_, i) => person(`user${i}`, `secret${i}`))
    slapd = await startSlapd({
      entries: [person('alice', 'wonderland'), person('bob', 'builder'), ...people],
    })
    const dn = (name: string) => `uid=${name},${PEOPLE}`
    await slapd.modify(group('ML-Team', 'groupOfNames', 'member', [dn('alice')]))
    await slapd.modify(group('Staff', 'groupOfNames', 'member', [dn('bob'), dn('alice')]))
    const password = join(slapd.folder, 'service-password')
    writeFileSync(password, SERVICE.password)
    ldap = [
      '--ldap-url',
      `${slapd.url}/${PEOPLE}`,
      '--ldap-bind-dn',
      SERVICE.dn,
      '--ldap-bind-password-file',
      password,
    ]
  })
  afterAll(() => slapd?.end())

  const start = async (
    args: string[] = [],
    file: string | null = null,
  ): Promise<Gate & { seen: string[] }> => {
    const upstream = await startUpstream()
    const gate = await startGate({ upstream: upstream.url, file, args: [...ldap, ...args] })
    return { ...gate, seen: upstream.seen.map(({ url }) => url) }
  }

  test('admits users by their groups, ignoring case', async () => {
    const upstream = await startUpstream()
    const roles = ['--app', 'none', '--writers', 'group:ml-team', '--readers', 'group:STAFF']
    const gate = await startGate({ upstream: upstream.url, file: null, args: [...ldap, ...roles] })
    expect(gate.said()).toContain(`for users of ${slapd.url}/${PEOPLE}`)
    const status = async (name: string, password: string, method = 'GET') =>
      (await request(gate.url, { method, ...as(name, password) })).status
    expect(await status('alice', 'wonderland', 'POST')).toBe(200)
    expect(await status('bob', 'builder')).toBe(200)
    expect(await status('bob', 'builder', 'POST')).toBe(403)
    expect(await status('user1', 'secret1')).toBe(403)
    expect(await status('alice', 'wrong')).toBe(401)
    expect(await status('nobody', 'wonderland')).toBe(401)
    expect(await status('ALICE', 'wonderland')).toBe(200)
    const users = upstream.seen.flatMap(({ headers }) =>
      headers.filter(([name]) => name === 'x-forwarded-user'),
    )
    expect(users.map(([, user]) => user)).toEqual(['alice', 'bob', 'alice'])
  })

  test('tries file and directory in the order given; names known to the first never reach the second', async () => {
    const file = passwordFile(`${record('alice', 'of the file')}${record('dora', 'explorer')}`)
    const upstream = await startUpstream()
    const gate = async (args: string[]) => startGate({ upstream: upstream.url, file: null, args })
    const status = async ({ url }: Gate, name: string, password: string) =>
      (await request(url, as(name, password))).status
    const fileFirst = await gate(['--file', file, ...ldap])
    expect(await status(fileFirst, 'alice', 'of the file')).toBe(200)
    expect(await status(fileFirst, 'alice', 'wonderland')).toBe(401)
    // Nor with another spelling that the directory treats as equal.
    expect(await status(fileFirst, 'ALICE', 'wonderland')).toBe(401)
    expect(await status(fileFirst, 'bob', 'builder')).toBe(200)
    const directoryFirst = await gate([...ldap, '--file', file])
    expect(await status(directoryFirst, 'alice', 'of the file')).toBe(401)
    expect(await status(directoryFirst, 'alice', 'wonderland')).toBe(200)
    expect(await status(directoryFirst, 'dora', 'explorer')).toBe(200)
    expect(await status(directoryFirst, 'dora', 'explorer')).toBe(200)
  })

  test('a directory outage: 503, no failed logins, /readyz, and recovery', async () => {
    const gate = await start(['--admin', '127.0.0.1:0', '--ldap-timeout', '1', '--login-failures', '2'])
    await until(() => /metrics on/.test(gate.said()), gate.said)
    const admin = `http://127.0.0.1:${/metrics on \S+:(\d+)/.exec(gate.said())?.[1]}`
    const ready = async () => (await request(`${admin}/readyz`)).status
    expect((await request(gate.url, as('bob', 'builder'))).status).toBe(200)
    expect(await ready()).toBe(200)
    await slapd.stop()
    for (let i = 0; i < 5; i++) {
      const { status, headers } = await request(gate.url, as('alice', 'wonderland'))
      expect(status).toBe(503)
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    }
    expect(await ready()).toBe(503)
    const { body: metrics } = await request(`${admin}/metrics`)
    expect(metrics).toMatch(/^htgate_provider_logins_total\{provider="ldap",result="unavailable"\} 5$/m)
    expect(metrics).toMatch(/^htgate_queries_total\{provider="ldap"\} [1-9]/m)
    expect((await request(gate.url, as('bob', 'builder'))).status).toBe(200)
    await slapd.start()
    expect((await request(gate.url, as('alice', 'wonderland'))).status).toBe(200)
    expect(await ready()).toBe(200)
    const logged = (words: string) => gate.log().filter(({ message }) => String(message).includes(words))
    await until(() => logged('the directory is responding again').length === 1, gate.output)
    expect(logged('connection refused')).toHaveLength(1)
  })

  test('closes an open response when its user is deleted', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write('data: tick\n\n'), 50)
      response.on('close', () => clearInterval(timer))
    })
    const gate = await startGate({ upstream: upstream.url, file: null, args: [...ldap, '--ldap-ttl', '2'] })
    const open = async (name: string, password: string) => {
      const response = await fetch(gate.url, as(name, password))
      const state = { status: response.status, ended: false }
      const read = async () => {
        for await (const _ of response.body as unknown as AsyncIterable<Uint8Array>);
      }
      void read()
        .catch(() => {})
        .then(() => (state.ended = true))
      return state
    }
    const deleted = await open('user208', 'secret208')
    const kept = await open('user209', 'secret209')
    expect([deleted.status, kept.status]).toEqual([200, 200])
    await slapd.modify(`dn: uid=user208,${PEOPLE}\nchangetype: delete\n`)
    await until(() => deleted.ended, gate.output)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    expect(kept.ended).toBe(false)
  })

  test('several workers have separate caches', async () => {
    const gate = await start(['--workers', '2'])
    for (let i = 0; i < 6; i++) expect((await request(gate.url, as('bob', 'builder'))).status).toBe(200)
    expect((await request(gate.url, as('bob', 'wrong'))).status).toBe(401)
  })

  test('200 first logins at once all succeed', async () => {
    const gate = await start()
    const logins = Array.from({ length: 200 }, (_, i) => request(gate.url, as(`user${i}`, `secret${i}`)))
    const statuses = (await Promise.all(logins)).map(({ status }) => status)
    expect(statuses.filter((status) => status !== 200)).toEqual([])
  })

  test('--check reports what works, and a user’s role', async () => {
    const upstream = await startUpstream()
    const args = [
      '--upstream',
      upstream.url,
      ...ldap,
      '--ldap-group-base',
      GROUPS,
      '--writers',
      'group:ml-team',
    ]
    const good = await check(['--check', ...args])
    expect(good.output).toMatch(/^works .*--ldap-url: 127\.0\.0\.1:\d+ responds, without TLS$/m)
    expect(good.output).toMatch(/^works .*bound as cn=htgate,\S+$/m)
    expect(good.output).toMatch(/^works .*found users in \S+ by uid$/m)
    expect(good.output).toMatch(/^works .*--upstream: \S+ responds to GET \/ with 200$/m)
    expect(good.status).toBe(0)

    const alice = await check(['--check', '--user', 'alice', ...args], 'wonderland\n')
    expect(alice.output).toMatch(
      /^works .*--user alice: alice; provider: ldap; groups: ML-Team, Staff; role: write$/m,
    )
    expect(alice.status).toBe(0)
    const bob = await check(['--check', '--user', 'bob', ...args], 'builder')
    expect(bob.output).toMatch(/^FAILS .*--user bob: bob; provider: ldap; groups: Staff; no role$/m)
    expect(bob.status).toBe(1)
    const wrong = await check(['--check', '--user', 'alice', ...args], 'wrong')
    expect(wrong.output).toMatch(/^FAILS .*--user alice: unknown user or wrong password$/m)
    expect(`${wrong.output}${wrong.said}`).not.toContain('wrong\n\n')
    expect(wrong.status).toBe(1)
  })

  test('--check reports what does not work, and how to fix it', async () => {
    const cases: [string[], RegExp][] = [
      [
        ['--upstream', 'http://127.0.0.1:1', ...ldap],
        /FAILS .*--upstream: .*: connection refused\n.*hint: is the server running/,
      ],
      [
        ['--upstream', 'http://127.0.0.1:1', ...ldap, '--ldap-group-base', 'ou=none'],
        /the search for groups in ou=none failed, no such object/,
      ],
      [
        ['--forward-auth', '--ldap-url', `${slapd.secureUrl}/${PEOPLE}`],
        /FAILS .*self-signed\n.*hint: .*--ldap-ca/,
      ],
      [['--forward-auth', '--ldap-url', `${slapd.url}/${PEOPLE}`], /warning .*searches are anonymous/],
      [['--forward-auth', '--file', '/nowhere'], /FAILS .*--file: .*\/nowhere/],
    ]
    for (const [args, expected] of cases) {
      const { output, said, status } = await check(['--check', ...args])
      expect(output, said).toMatch(expected)
      expect(status).toBe(1)
    }
  })
})

describe('htgate with a directory', () => {
  test('a flood of wrong passwords does not reach the directory', async () => {
    let open = 0
    let most = 0
    const server = await fakeLdap(
      wonderland(async (request, { socket }) => {
        if (request.operation !== 'bind' || request.dn === 'cn=service') return undefined
        most = Math.max(most, ++open)
        await new Promise((resolve) => setTimeout(resolve, 20))
        open--
        return socket.destroyed ? NOTHING : undefined
      }),
    )
    const upstream = await startUpstream()
    const gate = await startGate({
      upstream: upstream.url,
      file: null,
      args: ['--ldap-url', `${server.url}/${WONDERLAND}`, '--login-failures', '5'],
    })
    const guesses = Array.from({ length: 300 }, (_, i) => request(gate.url, as('alice', `guess ${i}`)))
    const statuses = new Set((await Promise.all(guesses)).map(({ status }) => status))
    expect([...statuses].filter((status) => ![401, 429, 503].includes(status))).toEqual([])
    expect(statuses).toContain(429)
    const binds = server.requests.filter(
      ({ operation, dn }) => operation === 'bind' && dn.startsWith('uid=alice'),
    )
    expect(binds.length).toBeLessThanOrEqual(5)
    expect(most).toBeLessThanOrEqual(8)
    expect(server.most).toBeLessThanOrEqual(20)
  }, 60_000)

  test('sending passwords in plain text to another machine is rejected at the start', async () => {
    const gate = runGate(['--ldap-url', 'ldap://ldap.example.org/dc=x', '--forward-auth'])
    expect(await gate.ended).toBe(2)
    expect(gate.said()).toContain('--ldap-url would send passwords to ldap.example.org:389 in plain text')
    expect(gate.said()).toContain('--ldap-starttls')
  })
})

describeWith(['expect'], 'htgate --check at a terminal', () => {
  test('prompts for the password without echo', async () => {
    const file = passwordFile(record('alice', 's3cret-typed'))
    const script = `set timeout 30
spawn ${process.execPath} bin/htgate.js --check --user alice --file ${file} --forward-auth --listen 127.0.0.1:0
expect "Password for alice: "
send "s3cret-typed\\r"
expect eof
exit [lindex [wait] 3]`
    const { status, stdout } = await run(peer('expect') as string, ['-c', script])
    expect(stdout.toString()).toMatch(/works .*--user alice: alice; provider: file; no groups; role: admin/)
    expect(stdout.toString()).not.toContain('s3cret')
    expect(status).toBe(0)
  })
})

async function check(
  args: string[],
  input = '',
): Promise<{ output: string; said: string; status: number | null }> {
  const child = spawn(process.execPath, ['bin/htgate.js', ...args, '--listen', '127.0.0.1:0'])
  let output = ''
  let said = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (said += chunk))
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {})
  child.stdin.end(input)
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { output, said, status }
}
