import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Question } from '../../src/auth/hash-worker.js'
import { HashWorkers } from '../../src/auth/hash-workers.js'
import { htpasswd, run } from '../support/run.js'

const SHA = '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' // of `secret`
const asker = { client: '', user: 'ann' }
const question = (password: string): Question => ({
  task: 'verify',
  password: Buffer.from(password),
  encoded: SHA,
})

/** There is no such question: the thread dies over it. */
const DEADLY = null as unknown as Question

function workersOf(workers: number, queue: number) {
  const died: Error[] = []
  const subject = new HashWorkers({ workers, queue, onDied: (error) => died.push(error) })
  onTestFinished(() => subject.close())
  return { subject, died }
}

describe('threads that hash', () => {
  test('tell whether a password fits', async () => {
    const { subject } = workersOf(1, 1)
    expect(await subject.ask(question('secret'), asker)).toBe(true)
    expect(await subject.ask(question('wrong'), asker)).toBe(false)
  })

  test('answer each question as it was asked, in whatever order they are done', async () => {
    const { subject } = workersOf(3, 100)
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => subject.ask(question(i % 3 ? 'wrong' : 'secret'), asker)),
    )
    expect(answers).toEqual(answers.map((_, i) => i % 3 === 0))
  })

  test('a hash of an unknown kind fits nothing', async () => {
    const { subject } = workersOf(1, 1)
    expect(await subject.ask({ task: 'verify', password: Buffer.from('x'), encoded: 'x' }, asker)).toBe(false)
  })

  test('one that dies is replaced; only its own question stays without an answer', async () => {
    const { subject, died } = workersOf(1, 9)
    const answers = [DEADLY, question('secret'), DEADLY, question('wrong')].map((each) =>
      subject.ask(each, asker),
    )
    expect(await Promise.all(answers)).toEqual(['unavailable', true, 'unavailable', false])
    expect(died).toHaveLength(2)
    expect(died[0]).toBeInstanceOf(TypeError)
  })

  test('one that dies while others wait for nothing is replaced with the next question', async () => {
    const { subject, died } = workersOf(1, 9)
    expect(await subject.ask(DEADLY, asker)).toBe('unavailable')
    await vi.waitFor(() => expect(died).toHaveLength(1), 5_000)
    expect(await subject.ask(question('secret'), asker)).toBe(true)
  })

  test('after closing there are no answers', async () => {
    const { subject } = workersOf(1, 9)
    const waiting = [subject.ask(question('secret'), asker), subject.ask(question('x'), asker)]
    await subject.close()
    expect(await Promise.all(waiting)).toEqual(['unavailable', 'unavailable'])
    expect(await subject.ask(question('secret'), asker)).toBe('unavailable')
  })
})

describe('a process', () => {
  const record = async () => (await htpasswd(['-nbB', 'ann', 'secret'])).stdout.toString().trim()
  const script = (record: string, end: string) => `
    import { writeFileSync, rmSync } from 'node:fs'
    import { createAuthenticator } from 'htgate'
    const file = '.htpasswd-' + process.pid
    writeFileSync(file, ${JSON.stringify(record)})
    process.on('exit', () => rmSync(file))
    const authenticator = await createAuthenticator({ file })
    const header = 'Basic ' + Buffer.from('ann:secret').toString('base64')
    console.log((await authenticator.authenticate(header)).ok, (await authenticator.authenticate(header)).ok)
    ${end}`

  test.each([
    ['that closes its authenticator', 'await authenticator.close()'],
    ['that forgets to', ''],
  ])('%s ends by itself', async (_, end) => {
    const child = await run(process.execPath, ['--input-type=module', '--eval', script(await record(), end)])
    expect(child).toMatchObject({ status: 0, signal: null })
    expect(child.stderr.toString()).toBe('')
    expect(child.stdout.toString()).toBe('true true\n')
  })
})
