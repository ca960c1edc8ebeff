import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { hash, openPasswordFile } from '../../../../src/index.js'
import { authenticatorAt, type Subject } from '../../../support/authenticator.js'
import { temporaryFolder } from '../../../support/folder.js'
import { describeWith } from '../../../support/peers.js'
import { basic } from '../../../support/requests.js'
import { apacheHtpasswd, htpasswd } from '../../../support/run.js'

// A changed file takes effect within a second, however it was changed. The second is measured by a clock that only runs while
// the file is not being read, so that a busy machine does not matter.
const PROMISED_MS = 1_000

let old: string
let changed: string
beforeAll(async () => {
  old = await hash('old', { cost: 4 })
  changed = await hash('new', { cost: 4 })
})

beforeEach(() => {
  const real = { setTimeout, clearTimeout }
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  // Long timeouts, which are not the watcher's, stay real: while a file is being read, the next timer would be one of them.
  const fake = { setTimeout, clearTimeout }
  const long = new WeakSet<object>()
  vi.stubGlobal('setTimeout', (call: () => void, ms = 0, ...args: []) => {
    if (ms <= PROMISED_MS) return fake.setTimeout(call, ms, ...args)
    const timer = real.setTimeout(call, ms, ...args)
    long.add(timer)
    return timer
  })
  vi.stubGlobal('clearTimeout', (timer: NodeJS.Timeout | undefined) => {
    const { clearTimeout } = timer !== undefined && long.has(timer) ? real : fake
    clearTimeout(timer)
  })
  onTestFinished(() => {
    vi.unstubAllGlobals()
    vi.useRealTimers()
  })
})

/** Advances the clock to the next check of the file, and waits until that has ended. */
async function nextLook(): Promise<void> {
  const rest = async () => {
    while (vi.getTimerCount() === 0) await new Promise(setImmediate)
  }
  await rest()
  vi.advanceTimersToNextTimer()
  await rest()
}

async function withinASecond(condition: () => boolean | Promise<boolean>): Promise<void> {
  const start = performance.now()
  while (!(await condition())) {
    await nextLook()
    expect(performance.now() - start).toBeLessThanOrEqual(PROMISED_MS)
  }
}

const letsIn = async (subject: Subject, password: string) =>
  (await subject.authenticate(basic('ann', password))).ok

/** An authenticator for `file` with ann's old password in its cache. */
async function whereAnnIsIn(file: string): Promise<Subject> {
  const subject = await authenticatorAt(file)
  expect(await letsIn(subject, 'old')).toBe(true)
  expect(subject.remembered(basic('ann', 'old'))).toMatchObject({ ok: true })
  return subject
}

/** After `change`, which sets a new password for ann, the old one must fail in time, and the new one work. */
async function expectRevoked(subject: Subject, change: () => unknown): Promise<void> {
  await change()
  await withinASecond(async () => !(await letsIn(subject, 'old')))
  await withinASecond(() => letsIn(subject, 'new'))
}

const fileOfAnn = () => {
  const file = join(temporaryFolder(), '.htpasswd')
  writeFileSync(file, `bob:${old}\nann:${old}\n`)
  return file
}

describe('a changed password stops working within a second', () => {
  test('by our htpasswd', async () => {
    const file = fileOfAnn()
    await expectRevoked(await whereAnnIsIn(file), () => htpasswd(['-bB', file, 'ann', 'new']))
  })

  test('by the library', async () => {
    const path = fileOfAnn()
    await expectRevoked(await whereAnnIsIn(path), async () => {
      const file = await openPasswordFile(path)
      await file.set('ann', 'new', { cost: 4 })
      await file.save()
    })
  })

  test('by renaming a file into place', async () => {
    const file = fileOfAnn()
    await expectRevoked(await whereAnnIsIn(file), () => {
      writeFileSync(`${file}.new`, `ann:${changed}\n`)
      renameSync(`${file}.new`, file)
    })
  })

  test('in place, with the same size', async () => {
    const file = fileOfAnn()
    await expectRevoked(await whereAnnIsIn(file), () =>
      writeFileSync(file, `bob:${old}\nann:${changed}\n`, { flag: 'r+' }),
    )
  })

  test('right after a reload', async () => {
    const file = join(temporaryFolder(), '.htpasswd')
    writeFileSync(file, `ann:${old}\n`)
    const subject = await authenticatorAt(file)
    await expectRevoked(subject, () => writeFileSync(file, `ann:${changed}\n`))
  })

  test('with a file that is moved away and back', async () => {
    const file = fileOfAnn()
    const subject = await whereAnnIsIn(file)
    renameSync(file, `${file}.away`)
    await withinASecond(async () => !(await letsIn(subject, 'old')))
    renameSync(`${file}.away`, file)
    await withinASecond(() => letsIn(subject, 'old'))

    renameSync(file, `${file}.away`)
    writeFileSync(`${file}.away`, `ann:${changed}\n`)
    await expectRevoked(subject, () => renameSync(`${file}.away`, file))
  })

  test('behind a symbolic link that is redirected', async () => {
    const folder = temporaryFolder()
    const file = join(folder, '.htpasswd')
    writeFileSync(join(folder, 'first'), `ann:${old}\n`)
    writeFileSync(join(folder, 'second'), `ann:${changed}\n`)
    symlinkSync('first', file)
    await expectRevoked(await whereAnnIsIn(file), () => {
      symlinkSync('second', `${file}.new`)
      renameSync(`${file}.new`, file)
    })
  })

  test('as Kubernetes updates a mounted secret: behind a link to a folder', async () => {
    const folder = temporaryFolder()
    const version = (name: string, encoded: string) => {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'htpasswd'), `ann:${encoded}\n`)
    }
    version('..2026_01', old)
    symlinkSync('..2026_01', join(folder, '..data'))
    symlinkSync('..data/htpasswd', join(folder, 'htpasswd'))
    await expectRevoked(await whereAnnIsIn(join(folder, 'htpasswd')), () => {
      version('..2026_02', changed)
      symlinkSync('..2026_02', join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
      rmSync(join(folder, '..2026_01'), { recursive: true })
    })
  })
})

test('a deleted user is rejected within a second', async () => {
  const file = fileOfAnn()
  const subject = await whereAnnIsIn(file)
  expect((await htpasswd(['-D', file, 'ann'])).status).toBe(0)
  await withinASecond(async () => !(await letsIn(subject, 'old')))
})

test('while the file is slowly written in place, its previous content is used', async () => {
  const file = fileOfAnn()
  const subject = await whereAnnIsIn(file)
  const content = readFileSync(file)
  writeFileSync(file, '')
  // Long enough for the file to be checked, but not so long that the writer seems to have died.
  for (const end = performance.now() + 350; performance.now() < end; ) {
    appendFileSync(file, '# being written\n')
    await nextLook()
    expect(subject.authenticate(basic('ann', 'old'))).toMatchObject({ ok: true })
  }
  appendFileSync(file, content)
  await withinASecond(() => subject.counters().reloads === 2)
  expect(await letsIn(subject, 'old')).toBe(true)
})

describeWith(['htpasswd'], 'Apache’s htpasswd', () => {
  test('changes a password: the old one stops working within a second', async () => {
    const file = fileOfAnn()
    await expectRevoked(await whereAnnIsIn(file), () => apacheHtpasswd(['-bB', file, 'ann', 'new']))
  })

  test('deletes a user, who is rejected within a second', async () => {
    const file = fileOfAnn()
    const subject = await whereAnnIsIn(file)
    expect((await apacheHtpasswd(['-D', file, 'ann'])).status).toBe(0)
    await withinASecond(async () => !(await letsIn(subject, 'old')))
  })
})
