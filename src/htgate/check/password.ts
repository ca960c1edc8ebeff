import { Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { errors } from '../messages.js'

/**
 * Reads the password of `user`: at a prompt without echo, or from the first line of standard input if that is not a
 * terminal.
 * @throws Exit
 */
export async function askPassword(user: string): Promise<Buffer> {
  const typed = process.stdin.isTTY ? await prompt(user) : /^[^\r\n]*/.exec(await text(process.stdin))?.[0]
  if (!typed) throw errors.option('--check --user requires a password, at the prompt or on standard input')
  return Buffer.from(typed)
}

async function prompt(user: string): Promise<string | undefined> {
  const { password } = await import('@inquirer/prompts')
  const message = `Password for ${user}: `
  // The library would redraw the prompt on standard output at each key. Standard output is for the report.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  // Before the prompt, so that characters typed ahead are not echoed either.
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
