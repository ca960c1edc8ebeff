import { closeSync, openSync } from 'node:fs'
import { ReadStream, WriteStream } from 'node:tty'
import { Exit, ExitStatus } from './exit-status.js'
import type { Ask } from './password.js'

/** A way to ask at the terminal of this process, whatever standard input and output are; undefined without one. */
export function openTerminal(): Ask | undefined {
  let fd: number
  try {
    fd = openSync('/dev/tty', 'r+')
  } catch {
    return undefined
  }
  const input = new ReadStream(fd)
  const output = new WriteStream(fd)

  const ask = async (prompt: string): Promise<Buffer> => {
    const { password } = await import('@inquirer/prompts')
    // The library puts a prefix, a space and the message on the line; together they make up the prompt.
    const [, prefix = '', message = ''] = /^(\S+) (.*?) ?$/.exec(prompt) ?? []
    const plain = (text: string) => text
    const style = { message: plain, help: plain, answer: plain, error: plain, maskedText: '' }
    try {
      const answer = await password(
        { message, toggleMask: false, theme: { prefix: { idle: prefix, done: prefix }, style } },
        { input, output, clearPromptOnDone: false },
      )
      return Buffer.from(answer)
    } catch (error) {
      if (error instanceof Error && error.name === 'ExitPromptError') throw new Exit(ExitStatus.interrupted)
      throw error
    }
  }

  const close = () => {
    input.setRawMode(false)
    input.destroy()
    output.destroy()
    try {
      closeSync(fd)
    } catch {
      // The streams closed it.
    }
  }
  return Object.assign(ask, { close })
}
