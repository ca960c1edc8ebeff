import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Log } from '../../src/operations/log.js'
import { temporaryFolder } from '../support/folder.js'

test('after close, a log writes nothing, since its descriptor may then be another file’s', async () => {
  const path = join(temporaryFolder(), 'log')
  const fd = openSync(path, 'w')
  const log = new Log('json', fd)
  log.event('info', 'in time')
  expect(await log.close(10_000)).toBe(true)
  log.event('info', 'too late')

  const next = new Log('json', fd)
  next.event('info', 'next')
  expect(await next.close(10_000)).toBe(true)
  await log.close(10_000)
  closeSync(fd)
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).message)).toEqual(['in time', 'next'])
})
