import { expect, test } from 'vitest'
import { describeWith, peer } from '../support/peers.js'
import { run } from '../support/run.js'

/** Runs `npm start`'s script on a terminal of `columns`, waits until it is ready, and stops it with Ctrl-C. */
const terminal = (columns: number) => `
  set timeout 60
  set stty_init "columns ${columns} rows 40"
  spawn -noecho ${process.execPath} scripts/start.js
  expect -ex "Ctrl-C stops it." {} timeout { exit 101 } eof { exit 102 }
  send "\\003"
  expect eof {} timeout { exit 103 }
  exit [lindex [wait] 3]`

describeWith(['expect'], 'npm start', () => {
  test('wraps lines between words on a terminal of 50 columns, and commands as a shell accepts them', async () => {
    const { status, stdout } = await run(peer('expect') as string, ['-c', terminal(50)], {
      env: { NO_COLOR: '1' },
    })
    const lines = stdout.toString().replaceAll('\r', '').split('\n')
    expect(status, stdout.toString()).toBe(0)
    expect(lines).toContain('$ htpasswd -cbB -C 10 .htpasswd alice \\')
    expect(lines).toContain('    correct-horse')
    expect(lines.filter((line) => line.startsWith('htgate: warning'))).toEqual([])
    // A file and the log are shown as they are.
    const isShown = (line: string) => !/^(?:alice|bob):|"?\d{4}-\d\d-\d\dT/.test(line)
    expect(lines.filter((line) => line.length > 50 && isShown(line))).toEqual([])
  }, 90_000)
})
