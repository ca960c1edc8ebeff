import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { errors } from '../messages.js'

/**
 * The password of `user`: asked for at the terminal without echo, or the first line of standard input where that is
 * none.
 * @throws Exit
 */
export async function askPassword(user: string): Promise<Buffer> {
  const typed = process.stdin.isTTY ? await prompt(user) : /^[^\r\n]*/.exec(await text(process.stdin))?.[0]
  if (!typed) throw errors.option('--check --user needs a password, typed or on standard input')
  return Buffer.from(typed)
}

async function prompt(user: string): Promise<string | undefined> {
  const { password } = await import('@inquirer/prompts')
  const message = `Password for ${user}: `
  // The prompt is written once, and not drawn anew at each key. Standard output has the report.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  // Before the prompt is shown: what is typed at once must not be seen either.
  process.stdin.setRawMode(true)
  process.stderr.write(message)
  try {
    return await password({ message, toggleMask: false }, { output })
  } catch (error) {
    if ((error as Error).name === 'ExitPromptError') return undefined
    throw error
  } finally {
    process.stdin.setRawMode(false)
    process.stderr.write('\n')
  }
}
