import { openSync, writeSync } from 'node:fs'
import { PassThrough, Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { onExit } from 'signal-exit'
import { Exit, ExitStatus } from './exit-status.js'
import { errors } from './messages.js'

/** Shows a prompt and resolves to what is typed, until it is closed. */
export interface Ask {
  (prompt: string): Promise<Buffer>
  close(): void
}

const CTRL_D = 4
const NEWLINE = 10
const RETURN = 13
const CTRL_Z = 26

/** The control characters that edit or end the line at a terminal in its usual mode. */
const EDITING = new Set([3, 8, NEWLINE, RETURN, 21, 23, CTRL_Z])
/** 32 code points that Unicode reserves for uses like this one: no text contains them. */
const STAND_IN = 0xfdd0
const STAND_INS = /[\ufdd0-\ufdef]/g

/**
 * Escape sequences, arrow keys among them, and other control characters are part of the password, as with getpass(3).
 * The library would act on them, so stand-ins go through it.
 */
function asTyped(byte: number): Buffer {
  const isLiteral = byte < 32 && !EDITING.has(byte)
  return isLiteral ? Buffer.from(String.fromCharCode(STAND_IN + byte)) : Buffer.of(byte)
}

/** Prompts at the controlling terminal, whatever standard input and output are; undefined if there is none. */
export function openTerminal(): Ask | undefined {
  let fd: number
  try {
    fd = openSync('/dev/tty', 'r+')
  } catch {
    return undefined
  }
  const terminal = new ReadStream(fd)
  // Until the end, not per prompt, so that what is typed ahead isn't shown either.
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
    // The library would redraw the prompt on every key and wrap it on narrow terminals. A script that waits for
    // Apache's prompt needs it once and unchanged.
    const output = new Writable({ write: (_chunk, _encoding, done) => done() })
    try {
      const answer = await password(
        { message: prompt, toggleMask: false },
        { input: nextLine(), output, signal: hungUp.signal },
      )
      // The replacement character of bytes that aren't text.
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

/** Passes what is typed to the current stream, one line each. What is typed ahead waits for the next stream. */
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
      // Ctrl-D ends the line if it is empty, or right after another Ctrl-D.
      const isEnd = byte === CTRL_D && (previous === undefined || previous === CTRL_D)
      previous = byte
      if (isEnd) line.write('\r')
      // Suspending the command would leave the shell without echo.
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
