import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { GroupFile } from '../../src/policy/group-file.js'
import { temporaryFolder } from '../support/folder.js'

test('a group file is watched: a change, its removal and its return take effect within a second', async () => {
  const path = join(temporaryFolder(), 'groups')
  writeFileSync(path, 'staff: alice\n')
  const errors: string[] = []
  let changes = 0
  const file = await GroupFile.open(path, { loaded() {}, unreadable: (error) => errors.push(error.message) })
  onTestFinished(() => file.close())
  file.onChange(() => changes++)
  expect(file.ready).toBe(true)
  expect(file.groupsOf('alice')).toEqual(['staff'])
  expect(file.groupsOf('bob')).toEqual([])

  writeFileSync(`${path}.new`, 'staff: bob\n')
  renameSync(`${path}.new`, path)
  await vi.waitFor(() => expect(file.groupsOf('bob')).toEqual(['staff']), 30_000)
  expect(file.groupsOf('alice')).toEqual([])
  expect(changes).toBe(1)

  rmSync(path)
  await vi.waitFor(() => expect(file.ready).toBe(false), 30_000)
  expect(file.groupsOf('bob')).toEqual([])
  expect(errors).toHaveLength(1)

  writeFileSync(path, 'staff: carol\n')
  await vi.waitFor(() => expect(file.groupsOf('carol')).toEqual(['staff']), 30_000)
  expect(file.ready).toBe(true)
})
