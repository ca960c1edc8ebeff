// For --require: prints `begin` when the edit of a password file begins, which is when the lock folder is created. With
// STOP_AT=N, the signal STOP_WITH is sent to this process before the Nth call that changes something on disk; if that call is a
// write, half of it is written first.
const fs = require('node:fs')

const CHANGING = [
  ...[
    'mkdirSync',
    'rmdirSync',
    'unlinkSync',
    'renameSync',
    'openSync',
    'closeSync',
    'writeSync',
    'ftruncateSync',
  ],
  ...['fsyncSync', 'chmodSync', 'fchmodSync', 'fchownSync', 'utimesSync', 'futimesSync'],
]
const stopAt = Number(process.env.STOP_AT)
const write = fs.writeSync
let calls = 0

for (const name of CHANGING) {
  const call = fs[name]
  fs[name] = (...args) => {
    if (calls === 0 && name !== 'mkdirSync') return call(...args)
    if (calls++ === 0) write(1, 'begin\n')
    if (calls === stopAt) {
      if (name === 'writeSync') {
        const [fd, bytes, start, length, position] = args
        write(fd, bytes, start, length >> 1, position)
      }
      process.kill(process.pid, process.env.STOP_WITH)
    }
    return call(...args)
  }
}
