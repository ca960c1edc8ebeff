import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { beforeEach, describe, expect, test } from 'vitest'
import { openPasswordFile } from '../../../src/index.js'
import { isMarkedPlain, TICK_MS } from '../../../src/passwd-file/store/plain.js'
import { temporaryFolder } from '../../support/folder.js'
import { lacksRoot } from '../../support/ordinary-user.js'
import { describeIf, lackingPeers } from '../../support/peers.js'
import { htpasswd, run } from '../../support/run.js'

// A file's attributes are preserved, whichever way it is written.

let folder: string
let file: string
beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder, 'users')
  writeFileSync(file, 'alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n', { mode: 0o600 })
})

const sh = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: folder, encoding: 'utf8' })
const acl = () => sh('getfacl', '-cpnE', 'users')
const attributes = () => sh('getfattr', '-d', '-m', '^(user|security|trusted)', 'users')
const isMarked = () => {
  const fd = openSync(file, 'r')
  try {
    return isMarkedPlain(fd)
  } finally {
    closeSync(fd)
  }
}

const WAYS: [string, () => Promise<unknown>][] = [
  ['an edit', () => edit()],
  ['-c', () => htpasswd(['-cbs', file, 'bob', 'x'])],
  ['-D', () => htpasswd(['-D', file, 'alice'])],
  ['--import', () => htpasswd(['--import', '-s', file], { input: 'bob:x\n' })],
  ['save() of the library', () => save()],
  [
    'PATH without cp and tar',
    () => run(process.execPath, [BIN, '-bs', file, 'bob', 'x'], { env: { PATH: '/nowhere' } }),
  ],
]
const BIN = join(import.meta.dirname, '../../../bin/htpasswd.js')

async function edit(): Promise<void> {
  const { status, stderr } = await htpasswd(['-bs', file, 'bob', 'x'])
  expect(status, String(stderr)).toBe(0)
}

async function save(): Promise<void> {
  const opened = await openPasswordFile(file)
  await opened.set('bob', 'x', { scheme: 'sha1' })
  await opened.save()
}

describeIf([...lacksRoot, ...lackingPeers('setfacl', 'setfattr')], 'ACLs and extended attributes', () => {
  describe.each(WAYS)('%s', (_, write) => {
    test('keeps them', async () => {
      sh('chgrp', '50', 'users')
      sh('setfacl', '-m', 'u:33:r', 'users')
      for (const name of ['user.note', 'security.note', 'trusted.note'])
        sh('setfattr', '-n', name, '-v', 'x', 'users')
      const [aclBefore, attributesBefore, content] = [acl(), attributes(), readFileSync(file, 'utf8')]
      await write()
      expect(readFileSync(file, 'utf8')).not.toBe(content)
      expect(acl()).toBe(aclBefore)
      expect(attributes()).toBe(attributesBefore)
      expect(statSync(file).mode & 0o7777).toBe(0o640)
    })
  })

  test('the mask of an ACL does not become the group’s mode', async () => {
    sh('chgrp', '50', 'users')
    sh('setfacl', '-m', 'u:33:r', 'users')
    await edit()
    expect(acl()).toContain('group::---')
    const reads = (uid: number, gid: number) => spawnSync('cat', [file], { uid, gid }).status
    expect([reads(33, 33), reads(4321, 50)]).toEqual([0, 1])
  })

  test('keeps those of an empty file', async () => {
    writeFileSync(file, '')
    sh('setfattr', '-n', 'user.note', '-v', 'x', 'users')
    const before = attributes()
    await edit()
    expect(attributes()).toBe(before)
  })

  test('keeps those of a file of ten megabytes', async () => {
    writeFileSync(file, 'user:x\n'.repeat(1_500_000))
    sh('setfattr', '-n', 'user.note', '-v', 'x', 'users')
    const before = attributes()
    const { ino } = statSync(file)
    await edit()
    expect(attributes()).toBe(before)
    expect(statSync(file).ino).not.toBe(ino)
  })

  test('keeps those set between two edits, even after another program’s write', async () => {
    await edit()
    expect(isMarked()).toBe(true)
    // A write within the same tick of the kernel's clock as the mark is not told from it.
    await setTimeout(2 * TICK_MS)
    sh('setfattr', '-n', 'user.note', '-v', 'x', 'users')
    expect(isMarked()).toBe(false)
    writeFileSync(file, 'carol:x\n', { flag: 'a' })
    expect(isMarked()).toBe(false)
    const before = attributes()
    await edit()
    expect(attributes()).toBe(before)
  })

  test('a default ACL of the folder applies only to new files', async () => {
    await edit()
    const before = acl()
    sh('setfacl', '-d', '-m', 'u:33:r', '.')
    await edit()
    expect(acl()).toBe(before)
    await save()
    expect(acl()).toBe(before)
    await htpasswd(['-cbs', join(folder, 'fresh'), 'bob', 'x'])
    expect(sh('getfacl', '-cpnE', 'fresh')).toContain('user:33:r--')
  })

  test('if a program cannot keep them all, the file is written in place', async () => {
    sh('setfattr', '-n', 'user.note', '-v', 'x', 'users')
    chownSync(file, 4321, 4321)
    chownSync(folder, 4321, 4321)
    sh('setfattr', '-n', 'security.note', '-v', 'x', 'users')
    const before = attributes()
    const { ino } = statSync(file)
    const { status, stderr } = await htpasswd(['-bs', file, 'bob', 'x'], { uid: 4321 })
    expect(status, String(stderr)).toBe(0)
    expect(attributes()).toBe(before)
    expect(statSync(file).ino).toBe(ino)
  })
})

test.runIf(process.platform === 'linux')(
  'a plain file is marked, so that the next edit starts no process',
  async () => {
    await edit()
    expect(isMarked()).toBe(true)
    const { ino } = statSync(file)
    const { status } = await htpasswd(['-bs', file, 'carol', 'x'], { env: { PATH: '/nowhere' } })
    expect(status).toBe(0)
    // Without the mark, and without cp, it would have been written in place.
    expect(statSync(file).ino).not.toBe(ino)
    expect(isMarked()).toBe(true)
  },
)

test.each([
  ['a change of mode', () => chmodSync(file, 0o640)],
  ['a new name', () => linkSync(file, join(folder, 'name'))],
  ['a write', () => writeFileSync(file, 'x:y\n', { flag: 'a' })],
])('the mark does not survive %s', async (_, change) => {
  await edit()
  // A write within the same tick of the kernel's clock as the mark is not told from it.
  await setTimeout(2 * TICK_MS)
  change()
  expect(isMarked()).toBe(false)
})
