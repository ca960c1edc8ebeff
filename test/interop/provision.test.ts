import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/folder.js'
import { describeWith, peer } from '../support/peers.js'
import { statusFor } from '../support/requests.js'
import { OUR_HTPASSWD, run } from '../support/run.js'
import { nginxWith } from './servers.js'

const HTPASSWD = `${process.execPath} ${OUR_HTPASSWD}`

describeWith(['nginx'], 'a script that provisions a team, whose file nginx reads', () => {
  test('adds 60 users and deletes half of them', async () => {
    const cwd = temporaryFolder()
    const users = Array.from({ length: 60 }, (_, i) => `user${i}`)
    const leavers = users.filter((_, i) => i % 2 === 1)
    writeFileSync(join(cwd, 'joiners'), users.map((user) => `${user}:password of ${user}\n`).join(''))
    writeFileSync(join(cwd, 'leavers'), leavers.map((user) => `${user}\n`).join(''))

    const script = [resolve('deploy/ci/provision.sh'), 'passwords', 'joiners', 'leavers']
    const { status, stderr } = await run('/bin/sh', script, { cwd, env: { HTPASSWD } })
    expect(stderr.toString()).toBe(
      [
        'Added 60 users, updated 0.',
        '60 users correct, 0 wrong.',
        'Removed 30 users.',
        'no findings in passwords',
        '',
      ].join('\n'),
    )
    expect(status).toBe(0)
    expect(readFileSync(join(cwd, 'passwords'), 'utf8').split('\n')).toHaveLength(31)

    const { url } = await nginxWith(join(cwd, 'passwords'))
    expect(await statusFor(`${url}/in`, 'user0', 'password of user0')).toBe(200)
    expect(await statusFor(`${url}/in`, 'user58', 'password of user58')).toBe(200)
    expect(await statusFor(`${url}/in`, 'user0', 'password of user2')).toBe(401)
    expect(await statusFor(`${url}/in`, 'user1', 'password of user1')).toBe(401)
  }, 180_000)
})

describeWith(['git'], 'as a pre-commit hook', () => {
  test('rejects a weak record and commits a strong one', async () => {
    const cwd = temporaryFolder()
    const env = { HTPASSWD, GIT_CONFIG_GLOBAL: '/dev/null', EMAIL: 'someone@example.com' }
    const git = (...args: string[]) => run(peer('git') as string, args, { cwd, env })
    const htpasswd = (...args: string[]) => run(process.execPath, [OUR_HTPASSWD, ...args], { cwd })
    await git('init', '--quiet')
    await run('/bin/cp', [resolve('deploy/ci/pre-commit'), '.git/hooks/pre-commit'], { cwd })

    const file = 'the team.htpasswd'
    await htpasswd('-cbs', file, 'alice', 'secret')
    await git('add', file)
    const refused = await git('commit', '-qm', 'weak')
    expect(refused.status).toBe(1)
    expect(refused.stderr.toString()).toContain('the team.htpasswd:1: alice: sha1 is broken')
    // The fix is for the file in the working tree.
    expect(refused.stderr.toString()).toContain("    htpasswd -B -C 10 'the team.htpasswd' alice\n")

    await htpasswd('-bB', '-C', '10', file, 'alice', 'secret')
    await git('add', file)
    expect(await git('commit', '-qm', 'strong')).toMatchObject({ status: 0 })
  })
})
