import {
  chmodSync,
  chownSync,
  closeSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { append, replace } from '../../../src/passwd-file/records.js'
import { Entry } from '../../../src/passwd-file/store/entry.js'
import { replaceFile } from '../../../src/passwd-file/store/replace.js'
import { update } from '../../../src/passwd-file/store/update.js'
import { openFolder } from '../../../src/system/folder.js'
import { temporaryFolder } from '../../support/folder.js'
import { lacksMounting, mount } from '../../support/mount.js'
import { lacksOrdinaryUser, lacksRoot, ordinaryUser } from '../../support/ordinary-user.js'
import { describeIf } from '../../support/peers.js'
import { htpasswd } from '../../support/run.js'

// What an update preserves: links, modes, owners, names, and files that cannot be replaced.

let folder: string
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder, 'users')
})

const RECORD = Buffer.from('bob:y\n')
const addBobTo = (content: Buffer) => ({ pieces: append(content, RECORD), done: undefined })
const nothing = () => ({ done: undefined })
const addBob = (path: string) => update(path, addBobTo)
const contentOf = (path: string) => readFileSync(path, 'latin1')

describe('the bytes of other lines are kept', () => {
  test.each([
    ['CRLF', 'alice:x\r\n', 'alice:x\r\nbob:y\n'],
    ['no newline at the end', 'alice:x', 'alice:x\nbob:y\n'],
    ['UTF-16, or any other bytes', '\xff\xfea\0:\0', '\xff\xfea\0:\0\nbob:y\n'],
    ['NUL', 'al\0ice:x\0\n', 'al\0ice:x\0\nbob:y\n'],
    ['a line of a megabyte', `alice:${'x'.repeat(2 ** 20)}\n`, `alice:${'x'.repeat(2 ** 20)}\nbob:y\n`],
    ['an empty file', '', 'bob:y\n'],
  ])('%s', async (_, before, after) => {
    writeFileSync(file, before, 'latin1')
    await addBob(file)
    expect(contentOf(file) === after).toBe(true)
  })
})

describe('links and names', () => {
  test('a chain of relative and absolute symbolic links across folders is followed', async () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    writeFileSync(join(folder, 'a/real'), '')
    symlinkSync('../real', join(folder, 'a/b/second'))
    symlinkSync(join(folder, 'a/b'), join(folder, 'c'))
    symlinkSync('c/second', file)
    await addBob(file)
    expect(contentOf(join(folder, 'a/real'))).toBe('bob:y\n')
    expect(readlinkSync(file)).toBe('c/second')
    expect(readdirSync(join(folder, 'a')).sort()).toEqual(['b', 'real'])
  })

  test('a dangling link, with create: its target is created', async () => {
    mkdirSync(join(folder, 'a'))
    symlinkSync('a/target', file)
    await update(file, addBobTo, { create: true })
    expect(contentOf(join(folder, 'a/target'))).toBe('bob:y\n')
    expect(readlinkSync(file)).toBe('a/target')
  })

  test('a link to itself is an error', async () => {
    symlinkSync('users', file)
    await expect(update(file, addBobTo, { create: true })).rejects.toThrow(/ELOOP|too many/)
  })

  test('a hard link still refers to the same file', async () => {
    writeFileSync(file, 'alice:x\n')
    linkSync(file, join(folder, 'name'))
    const { ino } = statSync(file)
    await addBob(file)
    expect(contentOf(join(folder, 'name'))).toBe('alice:x\nbob:y\n')
    expect(statSync(file).ino).toBe(ino)
    await update(file, (content) => ({
      pieces: replace(content, [{ start: 0, end: 8, number: 1 }]),
      done: undefined,
    }))
    expect(contentOf(join(folder, 'name'))).toBe('bob:y\n')
    expect(readdirSync(folder).sort()).toEqual(['name', 'users'])
  })
})

describe('mode and owner', () => {
  test.each(['600', '640', '664', '604'])('mode %s is kept', async (octal) => {
    const mode = Number.parseInt(octal, 8)
    writeFileSync(file, '')
    chmodSync(file, mode)
    await addBob(file)
    expect(statSync(file).mode & 0o7777).toBe(mode)
  })

  describeIf(lacksRoot, 'as root', () => {
    test('owner and group are kept', async () => {
      writeFileSync(file, '')
      chownSync(file, 1234, 4321)
      chmodSync(file, 0o640)
      await addBob(file)
      const { uid, gid, mode } = statSync(file)
      expect([uid, gid, mode & 0o777]).toEqual([1234, 4321, 0o640])
    })

    describeIf(lacksOrdinaryUser, 'as another user', () => {
      test('another user’s writable file keeps its owner', async () => {
        chmodSync(folder, 0o777)
        writeFileSync(file, '')
        chmodSync(file, 0o666)
        const { ino } = statSync(file)
        const { status, stderr } = await htpasswd(['-bp', file, 'bob', 'y'], { ...ordinaryUser })
        expect(status, String(stderr)).toBe(0)
        expect(contentOf(file)).toBe('bob:y\n')
        const { uid, mode, ino: inode } = statSync(file)
        expect([uid, mode & 0o777, inode]).toEqual([0, 0o666, ino])
        expect(readdirSync(folder)).toEqual(['users'])
      })
    })
  })
})

describe('files that cannot be replaced', () => {
  describeIf([...lacksRoot, ...lacksOrdinaryUser], 'in an unwritable folder', () => {
    test('are written in place, and no hash is written elsewhere', async () => {
      const temporary = join(folder, 'tmp')
      mkdirSync(temporary)
      chmodSync(temporary, 0o777)
      writeFileSync(file, 'alice:x\n')
      chmodSync(file, 0o666)
      const { ino } = statSync(file)
      const results = await Promise.all(
        ['bob', 'carol', 'dave', 'erin'].map((user) =>
          htpasswd(['-bp', file, user, 'y'], { env: { TMPDIR: temporary }, ...ordinaryUser }),
        ),
      )
      for (const { status, stderr } of results) expect(status, String(stderr)).toBe(0)
      expect(contentOf(file).split('\n').sort()).toEqual([
        '',
        'alice:x',
        'bob:y',
        'carol:y',
        'dave:y',
        'erin:y',
      ])
      expect(statSync(file).ino).toBe(ino)
      expect(readdirSync(temporary)).toEqual([])
      expect(readdirSync(folder).sort()).toEqual(['tmp', 'users'])
    })
  })

  describeIf(lacksMounting, 'mounted individually, as into a container', () => {
    test('are written in place', async () => {
      const original = join(temporaryFolder(), 'original')
      writeFileSync(original, 'alice:x\n')
      writeFileSync(file, '')
      mount(file, '--bind', original)
      await addBob(file)
      expect(contentOf(original)).toBe('alice:x\nbob:y\n')
      expect(readdirSync(folder)).toEqual(['users'])
      expect(readdirSync(dirname(original))).toEqual(['original'])
    })
  })

  describe('half written by a killed process', () => {
    const copy = () => `${file}.htpasswd-copy`
    beforeEach(() => {
      writeFileSync(file, 'alice:xxx\nca')
      writeFileSync(copy(), 'alice:xxx\ncarol:z\n')
    })

    test('are restored from the complete copy', async () => {
      await addBob(file)
      expect(contentOf(file)).toBe('alice:xxx\ncarol:z\nbob:y\n')
      expect(readdirSync(folder)).toEqual(['users'])
    })

    test('are restored even if there is nothing to edit', async () => {
      await update(file, nothing)
      expect(contentOf(file)).toBe('alice:xxx\ncarol:z\n')
      expect(readdirSync(folder)).toEqual(['users'])
    })

    test('are kept if edited since', async () => {
      writeFileSync(file, 'mended:x\n')
      const longAgo = new Date(Date.now() - 120_000)
      utimesSync(copy(), longAgo, longAgo)
      await addBob(file)
      expect(contentOf(file)).toBe('mended:x\nbob:y\n')
      expect(readdirSync(folder)).toEqual(['users'])
    })

    test('are overwritten with create', async () => {
      await update(file, () => ({ pieces: [RECORD], done: undefined }), { create: true })
      expect(contentOf(file)).toBe('bob:y\n')
      expect(readdirSync(folder)).toEqual(['users'])
    })
  })
})

describe('an edit', () => {
  test('that throws leaves everything as it was', async () => {
    writeFileSync(file, 'alice:x\n')
    const before = statSync(file)
    const failure = new Error('no')
    const failing = update(file, () => {
      throw failure
    })
    await expect(failing).rejects.toBe(failure)
    expect(statSync(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
    expect(readdirSync(folder)).toEqual(['users'])
  })

  test('that changes nothing writes nothing', async () => {
    writeFileSync(file, 'alice:x\n')
    const before = statSync(file)
    await update(file, nothing)
    expect(statSync(file)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
  })

  test('of a missing file is an error, and leaves nothing', async () => {
    await expect(addBob(file)).rejects.toThrow('ENOENT')
    await expect(addBob(join(folder, 'nowhere/users'))).rejects.toThrow('ENOENT')
    expect(readdirSync(folder)).toEqual([])
  })

  test('waits for another one in the same process', async () => {
    writeFileSync(file, '')
    const users = Array.from({ length: 20 }, (_, i) => `user${i}:x`)
    await Promise.all(
      users.map((user) =>
        update(file, (content) => ({
          pieces: append(content, Buffer.from(`${user}\n`)),
          done: undefined,
        })),
      ),
    )
    expect(contentOf(file).split('\n').sort()).toEqual(['', ...users].sort())
    expect(readdirSync(folder)).toEqual(['users'])
  })

  test('works with the longest possible file name', async () => {
    const long = join(folder, 'x'.repeat(255))
    writeFileSync(long, '')
    await addBob(long)
    expect(contentOf(long)).toBe('bob:y\n')
    expect(readdirSync(folder)).toEqual(['x'.repeat(255)])
    expect(readdirSync(tmpdir()).filter((name) => /^\.htpasswd-/.test(name))).toEqual([])
  })
})

test('a file is not written in place once another process has taken this one for dead', async () => {
  const old = 'alice:x\n'
  writeFileSync(file, old)
  linkSync(file, join(folder, 'other-name'))
  const place = openFolder(folder)
  const fd = openSync(file, 'r')
  const entry = Entry.make(place, '.pw.htpasswd.0.1.1.0')
  // It was removed while this process was stopped; what it has open is still there.
  rmdirSync(join(folder, '.pw.htpasswd.0.1.1.0'))
  mkdirSync(join(folder, 'open'))
  const removed = Object.create(entry, { staged: { value: join(folder, 'open', 'htpasswd-new') } })
  const target = { folder: place, name: basename(file), entry: removed, alone: false }
  const opened = { fd, path: file, stat: fstatSync(fd) }
  await expect(replaceFile({ ...target, file: opened }, [Buffer.from('bob:x\n')])).rejects.toThrow('ENOENT')
  expect(readFileSync(file, 'utf8')).toBe(old)
  closeSync(fd)
  place.close()
})
