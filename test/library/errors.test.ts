import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { fileError, HtgateError } from '../../src/errors.js'
import { LockedError } from '../../src/passwd-file/store/lock.js'
import { temporaryFolder } from '../support/folder.js'

const systemError = (code: string, words: string) =>
  Object.assign(new Error(`${code}: ${words}, open '/x'`), { code })

test.each([
  [systemError('ENOENT', 'no such file or directory'), 'ERR_FILE_MISSING', 'it does not exist'],
  [systemError('EACCES', 'permission denied'), 'ERR_FILE_ACCESS', 'permission denied'],
  [systemError('EROFS', 'read-only file system'), 'ERR_FILE_ACCESS', 'read-only file system'],
  [systemError('EISDIR', 'illegal operation on a directory'), 'ERR_FILE_TYPE', 'it is not a file'],
  [systemError('ENOSPC', 'no space left on device'), 'ERR_FILE_SYSTEM', 'no space left on device'],
  [new LockedError('/x.lock', undefined), 'ERR_FILE_LOCKED', 'locked (/x.lock)'],
  [new RangeError('it is larger than 4 GiB'), 'ERR_FILE_SYSTEM', 'it is larger than 4 GiB'],
])('file errors have a code, a message and a cause: %s', (cause, code, words) => {
  const error = fileError('/x', 'update', cause)
  expect(error).toBeInstanceOf(HtgateError)
  expect(error).toMatchObject({ name: 'HtgateError', code, message: `cannot update /x: ${words}`, cause })
})

test('a real file error has them, too', async () => {
  const folder = temporaryFolder()
  const reading = readFile(folder).catch((error) => fileError(folder, 'read', error))
  expect(await reading).toMatchObject({ code: 'ERR_FILE_TYPE' })
})

test('an error with a code stays as it is', () => {
  const error = new HtgateError('ERR_USER', 'username is empty')
  expect(fileError('/x', 'read', error)).toBe(error)
})
