import { openSync, writeSync } from 'node:fs'
import { PassThrough, Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { onExit } from 'signal-exit'
import { Exit, ExitStatus } from './exit-status.js'
import { errors } from './messages.js'

/** Shows a prompt and resolves to what is typed. Works until `close`. */
export interface Ask {
  (prompt: string): Promise<Buffer>
  close(): void
}

const CTRL_D = 4
const NEWLINE = 10
const RETURN = 13
const CTRL_Z = 26

/** The control characters that edit or end a line on a terminal in cooked mode. */
const EDITING = new Set([3, 8, NEWLINE, RETURN, 21, 23, CTRL_Z])
/** The first of 32 noncharacters, which Unicode reserves for internal use: no text contains them. */
const STAND_IN = 0xfdd0
const STAND_INS = /[\ufdd0-\ufdef]/g

/**
 * Control characters, such as those that arrow keys send, are part of the password, as with getpass(3). The prompt
 * library would act on them, so it gets stand-ins.
 */
function asTyped(byte: number): Buffer {
  const isLiteral = byte < 32 && !EDITING.has(byte)
  return isLiteral ? Buffer.from(String.fromCharCode(STAND_IN + byte)) : Buffer.of(byte)
}

/** Opens the controlling terminal, whatever standard input and output are; undefined if there is none. */
export function openTerminal(): Ask | undefined {
  let fd: number
  try {
    fd = openSync('/dev/tty', 'r+')
  } catch {
    return undefined
  }
  const terminal = new ReadStream(fd)
  // Kept until close, so that characters typed between prompts are not echoed either.
  terminal.setRawMode(true)
  const restore = () => {
    terminal.setRawMode(false)
  }
  const forget = onExit(restore)

  const hungUp = new AbortController()
  for (const event of ['end', 'error']) terminal.on(event, () => hungUp.abort())
  const nextLine = lines(terminal)
  const show = (text: string) => {
    if (!hungUp.signal.aborted) writeSync(fd, text)
  }

  const ask = async (prompt: string): Promise<Buffer> => {
    show(prompt)
    const { password } = await import('./inquirer.js')
    // The library would redraw the prompt at every key and wrap it on narrow terminals, but scripts that wait for
    // Apache's prompt need it once and unchanged.
    const output = new Writable({ write: (_chunk, _encoding, done) => done() })
    try {
      const answer = await password(
        { message: prompt, toggleMask: false },
        { input: nextLine(), output, signal: hungUp.signal },
      )
      // The replacement character means that the bytes were not UTF-8.
      if (answer.includes('\ufffd')) throw errors.typedPasswordNotUtf8()
      return Buffer.from(answer.replace(STAND_INS, (c) => String.fromCharCode(c.charCodeAt(0) - STAND_IN)))
    } catch (error) {
      const { name } = error as Error
      if (name === 'ExitPromptError' || name === 'AbortPromptError') throw new Exit(ExitStatus.interrupted)
      throw error
    } finally {
      show('\n')
    }
  }

  const close = () => {
    restore()
    forget()
    terminal.destroy()
  }
  return Object.assign(ask, { close })
}

/** Splits input into streams of one line each. What is typed ahead waits for the next stream. */
function lines(terminal: ReadStream): () => PassThrough {
  let typed = Buffer.alloc(0)
  let line: PassThrough | undefined
  let previous: number | undefined

  const deal = () => {
    for (const [index, byte] of typed.entries()) {
      if (line === undefined) {
        typed = typed.subarray(index)
        return
      }
      // Ctrl-D ends an empty line, or any line if pressed twice.
      const isEnd = byte === CTRL_D && (previous === undefined || previous === CTRL_D)
      previous = byte
      if (isEnd) line.write('\r')
      // Ctrl-Z is dropped: suspending would leave the shell without echo.
      else if (byte !== CTRL_D && byte !== CTRL_Z) line.write(asTyped(byte))
      if (isEnd || byte === NEWLINE || byte === RETURN) line = previous = undefined
    }
    typed = Buffer.alloc(0)
  }
  terminal.on('data', (chunk: Buffer) => {
    typed = Buffer.concat([typed, chunk])
    deal()
  })
  return () => {
    const asked = new PassThrough()
    line = asked
    deal()
    return asked
  }
}
