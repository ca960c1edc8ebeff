import { inputIsClosed, readUpTo } from './input.js'
import { errors, prompts } from './messages.js'
import type { Invocation } from './options.js'
import { stderr } from './output.js'
import type { Ask } from './prompt.js'

/** Longest password that Apache's htpasswd reads from standard input, in bytes, with its newline. */
const MAX_INPUT = 255
/** Longest password at a prompt, in bytes. */
const MAX_LINE = 256

/** The password, from the arguments, standard input or a prompt. */
export async function password({ mode, source, password }: Invocation): Promise<Buffer> {
  const verify = mode === 'verify'
  const bytes = password ?? (source === 'input' ? fromInput(verify) : await fromPrompts(verify))
  if (bytes.includes(0)) throw errors.nulInPassword()
  return bytes
}

/** All of standard input without the final newline. If it cannot be read, Apache's says the password is too long. */
function fromInput(verify: boolean): Buffer {
  if (inputIsClosed()) throw errors.passwordTooLong(verify)
  const bytes = readUpTo(MAX_INPUT + 1)
  if (bytes === undefined || bytes.length > MAX_INPUT) throw errors.passwordTooLong(verify)
  let end = bytes.length
  if (bytes[end - 1] === 0x0a) {
    end--
    if (bytes[end - 1] === 0x0d) end--
  }
  return bytes.subarray(0, end)
}

async function fromPrompts(verify: boolean): Promise<Buffer> {
  const ask = await asker()
  try {
    const first = await ask(verify ? prompts.enter : prompts.create)
    if (first.length > MAX_LINE) throw errors.passwordTooLong(verify)
    if (verify) return first
    const second = await ask(prompts.repeat)
    if (!first.equals(second.subarray(0, MAX_LINE))) throw errors.passwordsDiffer()
    return first
  } finally {
    ask.close()
  }
}

/** Like getpass(3): uses the terminal if there is one, else standard error and lines of standard input. */
async function asker(): Promise<Ask> {
  const { openTerminal } = await import('./prompt.js')
  const terminal = openTerminal()
  if (terminal) return terminal
  const ask = async (prompt: string) => {
    stderr(prompt)
    return readLine()
  }
  return Object.assign(ask, { close() {} })
}

function readLine(): Buffer {
  const bytes: Buffer[] = []
  for (;;) {
    const byte = readUpTo(1)
    if (byte === undefined || byte.length === 0 || byte[0] === 0x0a) return Buffer.concat(bytes)
    bytes.push(byte)
  }
}
