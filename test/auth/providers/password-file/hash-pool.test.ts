import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { HashPool } from '../../../../src/auth/providers/password-file/hash-pool.js'
import type { Question } from '../../../../src/auth/providers/password-file/hash-worker.js'
import { temporaryFolder } from '../../../support/folder.js'
import { lacksOrdinaryUser, ordinaryUser } from '../../../support/ordinary-user.js'
import { describeIf, peer } from '../../../support/peers.js'
import { htpasswd, type Result, run } from '../../../support/run.js'

const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' // of `secret`
/** Takes hours to verify. */
const COSTLY = '$2y$31$7EqJtq98hPqEX7fNZaFWoOhi5Q9gZ0kFY1oAaVgqGpX1yQeZkq8dW'
const question = (password: string): Question => ({
  task: 'verify',
  password: Buffer.from(password),
  encoded: SHA,
})

/** Not a question: it crashes the thread. */
const DEADLY = null as unknown as Question

function poolOf(workers: number, options: { maxTime?: number } = {}) {
  const died: Error[] = []
  const subject = new HashPool({ workers, ...options, onDied: (error) => died.push(error) })
  onTestFinished(() => subject.close())
  return { subject, died }
}

describe('hash threads', () => {
  test('verify passwords', async () => {
    const { subject } = poolOf(1)
    expect(await subject.ask(question('secret'))).toBe(true)
    expect(await subject.ask(question('wrong'))).toBe(false)
  })

  test('match each result to its request, in any order', async () => {
    const { subject } = poolOf(3)
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => subject.ask(question(i % 3 ? 'wrong' : 'secret'))),
    )
    expect(answers).toEqual(answers.map((_, i) => i % 3 === 0))
  })

  test('a hash of an unknown scheme matches nothing', async () => {
    const { subject } = poolOf(1)
    expect(await subject.ask({ task: 'verify', password: Buffer.from('x'), encoded: 'x' })).toBe(false)
  })

  test('one that dies is replaced; only its own request fails', async () => {
    const { subject, died } = poolOf(1)
    const answers = [DEADLY, question('secret'), DEADLY, question('wrong')].map((each) => subject.ask(each))
    expect(await Promise.all(answers)).toEqual(['unavailable', true, 'unavailable', false])
    expect(died).toHaveLength(2)
    expect(died[0]).toBeInstanceOf(TypeError)
  })

  test('one that dies while idle is replaced at the next request', async () => {
    const { subject, died } = poolOf(1)
    expect(await subject.ask(DEADLY)).toBe('unavailable')
    await vi.waitFor(() => expect(died).toHaveLength(1), 30_000)
    expect(await subject.ask(question('secret'))).toBe(true)
  })

  test('an abandoned hash ends its thread, and another takes its place', async () => {
    const { subject, died } = poolOf(1)
    const gone = new AbortController()
    const hopeless = subject.ask({ task: 'verify', password: Buffer.from('x'), encoded: COSTLY }, gone.signal)
    const next = subject.ask(question('secret'))
    gone.abort()
    expect(await hopeless).toBe('abandoned')
    expect(await next).toBe(true)
    expect(died).toEqual([])
  })

  test('an abandoned hash is finished if that takes no longer than starting a thread', async () => {
    const { subject } = poolOf(1)
    const gone = new AbortController()
    await subject.ask(question('x')) // The thread has started.
    const answer = subject.ask(question('secret'), gone.signal)
    gone.abort()
    expect(await answer).toBe(true)
  })

  test('a hash abandoned before its turn is never computed', async () => {
    const { subject } = poolOf(1)
    const gone = new AbortController()
    const first = subject.ask(question('secret'))
    const second = subject.ask({ task: 'verify', password: Buffer.from('x'), encoded: COSTLY }, gone.signal)
    gone.abort()
    expect([await first, await second]).toEqual([true, 'abandoned'])
  })

  test('a hash that takes too long is aborted, awaited or not', async () => {
    const { subject, died } = poolOf(1, { maxTime: 3000 })
    const answers = [
      subject.ask({ task: 'verify', password: Buffer.from('x'), encoded: COSTLY }),
      subject.ask(question('x')),
    ]
    expect(await Promise.all(answers)).toEqual(['timeout', false])
    expect(died).toEqual([])
  })

  test('after closing, there are no results', async () => {
    const { subject } = poolOf(1)
    const waiting = [subject.ask(question('secret')), subject.ask(question('x'))]
    await subject.close()
    expect(await Promise.all(waiting)).toEqual(['unavailable', 'unavailable'])
    expect(await subject.ask(question('secret'))).toBe('unavailable')
  })
})

/** A script that logs in twice, and then does `end`. */
async function login(end: string): Promise<string[]> {
  const file = join(temporaryFolder(), '.htpasswd')
  expect((await htpasswd(['-cbB', file, 'ann', 'secret'])).status).toBe(0)
  const script = `
    import { createAuthenticator } from 'htgate'
    const authenticator = await createAuthenticator({ file: ${JSON.stringify(file)} })
    const header = 'Basic ' + Buffer.from('ann:secret').toString('base64')
    console.log((await authenticator.authenticate(header)).ok, (await authenticator.authenticate(header)).ok)
    ${end}`
  return ['--input-type=module', '--eval', script]
}

const loggedIn = (child: Result) => ({
  stderr: child.stderr.toString(),
  stdout: child.stdout.toString(),
  status: child.status,
})
const EXPECTED = { stderr: '', stdout: 'true true\n', status: 0 }

describe('a process', () => {
  test('that closes its authenticator exits', async () => {
    const script = await login('await authenticator.close()')
    expect(loggedIn(await run(process.execPath, script))).toEqual(EXPECTED)
  })

  test('that forgets to close it exits, too', async () => {
    expect(loggedIn(await run(process.execPath, await login('')))).toEqual(EXPECTED)
  })
})

describeIf([...lacksOrdinaryUser, ...(peer('nice') ? [] : ['nice'])], 'a process with a low priority', () => {
  test('whose threads cannot have a higher one hashes anyway', async () => {
    const args = ['-n', '15', process.execPath, ...(await login(''))]
    expect(loggedIn(await run('nice', args, ordinaryUser))).toEqual(EXPECTED)
  })
})
