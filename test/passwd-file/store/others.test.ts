import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { append } from '../../../src/passwd-file/records.js'
import { update } from '../../../src/passwd-file/store/update.js'
import { temporaryFolder } from '../../support/folder.js'
import { lacksOrdinaryUser, lacksRoot } from '../../support/ordinary-user.js'
import { describeIf } from '../../support/peers.js'
import { htpasswd } from '../../support/run.js'
import { withoutWaiting } from '../../support/waiting.js'

// Root edits a password file in a folder where mallory can create files, or which mallory owns, and mallory gains nothing.

const MALLORY = 65534
const rounds = process.env.HTGATE_FULL ? 1_000 : 100

let folder: string
let file: string
/** A file of root's that mallory may neither read nor write. */
let secret: string

beforeEach(() => {
  folder = temporaryFolder()
  file = join(folder, 'pw')
  secret = join(temporaryFolder(), 'secret')
  writeFileSync(secret, 'root:secret\n', { mode: 0o600 })
})

const asMallory = (script: string) => {
  const { status, stderr } = spawnSync('sh', ['-c', script], { cwd: folder, uid: MALLORY, gid: MALLORY })
  expect(String(stderr)).toBe('')
  expect(status).toBe(0)
}

/** Adds a user with the command. */
const add = (user: string) => htpasswd(['-bp', file, user, 'x'])
/** The same in this process. */
const addHere = (user: string) =>
  update(file, (before) => ({ pieces: append(before, Buffer.from(`${user}:x\n`)), done: undefined }))
const content = () => readFileSync(file, 'utf8')

function expectUntouched(): void {
  const { uid, mode } = statSync(secret)
  expect([uid, mode & 0o7777, readFileSync(secret, 'utf8')]).toEqual([0, 0o600, 'root:secret\n'])
}

const kinds: [string, () => void][] = [
  ['a sticky folder of root’s, like /tmp', () => chmodSync(folder, 0o1777)],
  ['a folder of mallory’s', () => chownSync(folder, MALLORY, MALLORY)],
  ['a world-writable folder', () => chmodSync(folder, 0o777)],
]

describeIf([...lacksRoot, ...lacksOrdinaryUser], 'root edits, mallory attacks', () => {
  describe.each(kinds)('%s', (_, open) => {
    beforeEach(() => {
      writeFileSync(file, 'alice:x\n', { mode: 0o600 })
      open()
    })

    test.each([
      ['a file', 'printf "mallory:{PLAIN}owned\\n" >pw.htpasswd-copy; touch -r pw pw.htpasswd-copy'],
      ['a link', 'ln -s SECRET pw.htpasswd-copy'],
      ['a FIFO', 'mkfifo pw.htpasswd-copy'],
      ['a folder', 'mkdir pw.htpasswd-copy'],
    ])('%s in place of a complete copy is not trusted', async (__, script) => {
      asMallory(script.replace('SECRET', secret))
      expect((await htpasswd(['-D', file, 'nobody'])).status).toBe(0)
      expect(content()).toBe('alice:x\n')
      await addHere('bob')
      expect(content()).toBe('alice:x\nbob:x\n')
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expectUntouched()
    })

    test.each([
      ['a folder', 'mkdir -m 700 pw.lock'],
      ['an open folder', 'mkdir -m 777 pw.lock'],
      ['a file', 'touch pw.lock'],
      ['a link', 'ln -s / pw.lock'],
      ['an entry that names a living process', 'mkdir ".pw.htpasswd.a.1.1.0" ".pw.htpasswd.$(cat ENTRY).0"'],
      ['a link for an entry', 'ln -s / ".pw.htpasswd.$(cat ENTRY).0"'],
    ])('%s in place of a lock delays no edit', async (__, script) => {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
      const space = `${boot}-${statSync('/proc/self/ns/pid').ino}`
      const start = (readFileSync(`/proc/${process.pid}/stat`, 'utf8').split(') ')[1] as string).split(
        ' ',
      )[19]
      const entry = join(temporaryFolder(), 'entry')
      writeFileSync(entry, `${space}.${process.pid}.${start}`, { mode: 0o644 })
      asMallory(script.replaceAll('ENTRY', entry))
      await withoutWaiting(() => addHere('bob'))
      expect(content()).toBe('alice:x\nbob:x\n')
    })

    test(`new files are replaced by links, ${rounds} edits`, { timeout: 600_000 }, async () => {
      // Every new name is renamed away if that is allowed, and a link to the secret, or to its folder, takes its place.
      const script = `
        const fs = require('node:fs')
        const [secret, home] = process.argv.slice(1)
        const own = new Set()
        for (let n = 0; ; n++) {
          let names = []
          try { names = fs.readdirSync('.') } catch {}
          for (const name of names) {
            if (own.has(name) || (name === 'pw' && n % 7)) continue
            const away = 'm' + n
            own.add(away)
            try { fs.renameSync(name, away) } catch { continue }
            try { fs.symlinkSync(n % 2 ? secret : home, name); own.add(name) } catch {}
            if (name === 'pw') { try { fs.unlinkSync('pw'); fs.renameSync(away, 'pw'); own.delete('pw') } catch {} }
          }
          if (n % 50 === 0) for (const name of own) { try { fs.unlinkSync(name) } catch {} }
        }`
      const attacker = spawn(process.execPath, ['-e', script, secret, join(secret, '..')], {
        cwd: folder,
        uid: MALLORY,
        gid: MALLORY,
        stdio: 'ignore',
      })
      onTestFinished(() => {
        attacker.kill('SIGKILL')
      })
      const before = readdirSync(join(secret, '..'))
      const outcomes = { done: 0, refused: 0 }
      // On a busy machine, the attacker may win for a while.
      for (let i = 0; i < rounds || outcomes.done === 0; i++) {
        try {
          await update(file, (old) => ({ pieces: [old, Buffer.from(`u${i}:x\n`)], done: undefined }))
          outcomes.done++
        } catch {
          outcomes.refused++
        }
      }
      expect(attacker.exitCode).toBe(null)
      attacker.kill('SIGKILL')
      await once(attacker, 'exit')
      expectUntouched()
      expect(readdirSync(join(secret, '..'))).toEqual(before)
      for (const name of readdirSync(folder)) {
        const path = join(folder, name)
        const stat = lstatSync(path)
        if (stat.uid !== 0) expect(stat.isSymbolicLink() || stat.size === 0, name).toBe(true)
        else if (stat.isFile()) expect(stat.mode & 0o077, name).toBe(0)
      }
    })
  })

  test('in a sticky folder, replacing files does not affect the password file', async () => {
    chmodSync(folder, 0o1777)
    writeFileSync(file, '', { mode: 0o600 })
    for (let i = 0; i < 20; i++) await addHere(`u${i}`)
    expect(content().split('\n')).toHaveLength(21)
  })

  test('-c does not write a file that mallory created in a sticky folder', async () => {
    chmodSync(folder, 0o1777)
    asMallory('touch pw; chmod 666 pw')
    const { status, stderr } = await htpasswd(['-cbs', file, 'alice', 'secret'])
    expect(String(stderr)).toMatch(/: pw belongs to nobody, in a world-writable folder: remove it first/)
    expect(status).toBe(1)
    expect(content()).toBe('')
  })

  test('a link by mallory to a file of root’s is not followed, and reported', async () => {
    chownSync(folder, MALLORY, MALLORY)
    asMallory(`ln -s ${secret} pw`)
    const { status, stderr } = await add('mallory')
    expect(String(stderr)).toContain(`${file} is a symbolic link made by nobody; use ${secret} itself`)
    expect(status).toBe(1)
    expectUntouched()
  })

  test('a link to a file of the same user is followed', async () => {
    chownSync(folder, MALLORY, MALLORY)
    asMallory('touch real; ln -s real pw')
    expect((await add('alice')).status).toBe(0)
    expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('alice:x\n')
    expect(lstatSync(file).isSymbolicLink()).toBe(true)
  })

  test('a link by mallory in place of a parent folder is not followed to root’s', async () => {
    chownSync(folder, MALLORY, MALLORY)
    asMallory(`ln -s ${join(secret, '..')} site`)
    const { status } = await htpasswd(['-bp', join(folder, 'site/secret'), 'mallory', 'x'])
    expect(status).toBe(1)
    expectUntouched()
  })

  test('a copy left by another user, and unreadable to this one, is reported', async () => {
    writeFileSync(file, 'alice:x\nca')
    chmodSync(file, 0o666)
    const entry = join(folder, `.pw.htpasswd.another-machine.1.1.0.copy.${statSync(file).ino}`)
    mkdirSync(entry, { mode: 0o700 })
    writeFileSync(join(entry, 'htpasswd-new'), 'alice:x\ncarol:x\n')
    utimesSync(entry, 0, 0)
    chmodSync(folder, 0o777)
    const { status, stderr } = await htpasswd(['-bp', file, 'bob', 'x'], { uid: MALLORY })
    expect(String(stderr)).toContain(
      `root was interrupted while writing it, and the complete content is in ${entry}`,
    )
    expect(status).toBe(1)
    expect((await add('bob')).status).toBe(0)
    expect(content()).toBe('alice:x\ncarol:x\nbob:x\n')
    expect(existsSync(entry)).toBe(false)
  })

  test('a copy in mallory’s entry is not trusted if mallory cannot write the file', async () => {
    writeFileSync(file, 'alice:x\n', { mode: 0o644 })
    const entry = join(folder, `.pw.htpasswd.another-machine.1.1.0.copy.${statSync(file).ino}`)
    mkdirSync(entry, { mode: 0o700 })
    writeFileSync(join(entry, 'htpasswd-new'), 'mallory:x\n')
    for (const path of [entry, join(entry, 'htpasswd-new')]) chownSync(path, MALLORY, MALLORY)
    utimesSync(entry, 0, 0)
    expect((await add('bob')).status).toBe(0)
    expect(content()).toBe('alice:x\nbob:x\n')
  })

  test('a link in place of the copy in an entry is not followed', async () => {
    writeFileSync(file, 'alice:x\n', { mode: 0o644 })
    const entry = join(folder, `.pw.htpasswd.another-machine.1.1.0.copy.${statSync(file).ino}`)
    mkdirSync(entry, { mode: 0o700 })
    symlinkSync(secret, join(entry, 'htpasswd-new'))
    lchownSync(join(entry, 'htpasswd-new'), MALLORY, MALLORY)
    utimesSync(entry, 0, 0)
    expect((await add('bob')).status).toBe(0)
    expect(content()).toBe('alice:x\nbob:x\n')
  })
})
