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
  try {
    // Standard output has the report.
    return await password({ message: `Password for ${user}:`, mask: false }, { output: process.stderr })
  } catch (error) {
    if ((error as Error).name === 'ExitPromptError') return undefined
    throw error
  }
}
