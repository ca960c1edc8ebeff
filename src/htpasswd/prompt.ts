import { openSync, writeSync } from 'node:fs'
import { PassThrough, Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { onExit } from 'signal-exit'
import { Exit, ExitStatus } from './exit-status.js'
import { errors } from './messages.js'

/** Shows a prompt and answers what is typed, once for each call, until it is closed. */
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

/** A way to ask at the terminal of this process, whatever standard input and output are; undefined without one. */
export function openTerminal(): Ask | undefined {
  let fd: number
  try {
    fd = openSync('/dev/tty', 'r+')
  } catch {
    return undefined
  }
  const terminal = new ReadStream(fd)
  // From here to the end, and not for each prompt: what is typed ahead must not be seen either.
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
    // The library would draw the prompt anew at each key, and otherwise on a narrow terminal than on a wide one. A
    // script that waits for Apache's prompt wants it once, and as it is.
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

/** Deals out what is typed, a line to each stream that is asked for; what is typed ahead waits for the next one. */
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
      // Ctrl-D ends the input where the line is empty or has been handed over by another one: for a password, the line.
      const isEnd = byte === CTRL_D && (previous === undefined || previous === CTRL_D)
      previous = byte
      if (isEnd) line.write('\r')
      // To suspend the command would leave the shell without echo.
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
