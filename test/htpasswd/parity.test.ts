import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { schemeOf } from '../../src/schemes/index.js'
import { lacksOrdinaryUser, ordinaryUser } from '../support/ordinary-user.js'
import { describeIf, lackingPeers } from '../support/peers.js'
import { randomFrom } from '../support/random.js'
import { apacheHtpasswd, htpasswd } from '../support/run.js'
import { type Item, randomSession, type Session } from './random-session.js'

// Runs random command lines with Apache's htpasswd and with ours, in twin folders. Everything observable must be the same
// except for salts: what one has hashed, the other must verify.
//
//   HTGATE_SEED=7 HTGATE_PARITY_RUNS=100 npx vitest run test/htpasswd/parity.test.ts

const seed = process.env.HTGATE_SEED ?? String(Math.floor(Math.random() * 2 ** 32))
const runs = Number(process.env.HTGATE_PARITY_RUNS ?? (process.env.HTGATE_FULL ? 2000 : 200))

describeIf([...lackingPeers('htpasswd'), ...lacksOrdinaryUser], `parity, seed ${seed}`, () => {
  test(
    `${runs} random command lines behave the same`,
    async () => {
      const everySecond = async (first: number) => {
        for (let number = first; number < runs; number += 2) await compare(number)
      }
      await Promise.all([everySecond(0), everySecond(1)])
    },
    30 * 60_000,
  )
})

async function compare(number: number): Promise<void> {
  const session = randomSession(randomFrom(`${seed}/${number}`))
  const folder = mkdtempSync(join(tmpdir(), 'htgate-parity-'))
  chmodSync(folder, 0o755)
  try {
    const apache = await play(apacheHtpasswd, session, join(folder, 'apache'))
    const ours = await play(htpasswd, session, join(folder, 'ours'))

    const about = `seed ${seed}, number ${number}: htpasswd ${shown(session.args)} <<< ${shown([session.input])}`
    expect.soft(ours.seen, about).toEqual(apache.seen)
    for (const hash of ours.hashes) await verifyWithApache(hash, session.passwords, folder, about)
    for (const hash of apache.hashes) await verifyWithOurs(hash, session.passwords, about)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface Played {
  /** Everything observable, with `<hash>` in place of new salted hashes. */
  readonly seen: { status: number | null; stdout: string; stderr: string; tree: Record<string, string> }
  readonly hashes: ReadonlySet<string>
}

async function play(command: typeof htpasswd, session: Session, folder: string): Promise<Played> {
  mkdirSync(folder)
  for (const item of session.folder) lay(item, folder)
  const own = ordinaryUser?.uid
  if (own) for (const path of ['.', ...readdirSync(folder)]) lchownSync(join(folder, path), own, own)

  const { args, input } = session
  const result = await command(args, { input, cwd: folder, env: { LC_ALL: 'C' }, ...ordinaryUser })

  const before = Buffer.concat(
    session.folder.map((item) => ('content' in item ? item.content : Buffer.alloc(0))),
  )
  const hashes = new Set<string>()
  const masked = (bytes: Buffer) =>
    bytes.toString('latin1').replace(SALTED, (hash, setting = '') => {
      if (before.includes(hash, 'latin1')) return hash
      hashes.add(hash)
      return `<${setting}hash>`
    })
  const { status, stdout, stderr } = result
  const tree = Object.fromEntries(treeOf(folder).map(([path, bytes]) => [path, masked(bytes)]))
  const isNew = (path: string) => !session.folder.some((item) => item.path === path)
  for (const [path, seen] of Object.entries(tree)) {
    // What a failed -c leaves is a deviation.
    if (status !== 0 && seen.endsWith(' 0 ') && isNew(path)) delete tree[path]
  }
  return { seen: { status, stdout: masked(stdout), stderr: masked(stderr), tree }, hashes }
}

/** Each scheme's setting, but for the salt, is kept. DES crypt has no mark. */
const SALTED =
  /(\$apr1\$|\$2y\$\d\d\$|\$[56]\$(?:rounds=\d+\$)?)[./0-9A-Za-z$]{31,103}|(?<=:)[./0-9A-Za-z]{13}(?=\n)/g

function lay(item: Item, folder: string): void {
  const path = join(folder, item.path)
  if ('linkTo' in item) symlinkSync(item.linkTo, path)
  else if ('content' in item) writeFileSync(path, item.content)
  else mkdirSync(path)
  if ('mode' in item) chmodSync(path, item.mode)
}

/** Each path, with its mode and its content or target. */
function treeOf(folder: string): [path: string, Buffer][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((path) => {
      const found = lstatSync(join(folder, path))
      const about = `${(found.mode & 0o7777).toString(8)} ${found.isFile() ? found.size : ''} `
      if (found.isSymbolicLink()) return [path, Buffer.from(readlinkSync(join(folder, path)))]
      const content = found.isFile() ? readFileSync(join(folder, path)) : Buffer.alloc(0)
      return [path, Buffer.concat([Buffer.from(about), content])]
    })
}

async function verifyWithApache(
  hash: string,
  passwords: readonly Buffer[],
  folder: string,
  about: string,
): Promise<void> {
  const file = join(folder, 'hash')
  writeFileSync(file, `alice:${hash}\n`)
  const statuses: (number | null)[] = []
  for (const password of passwords) {
    // An argument may be as long as 255 bytes.
    const result = await (password.length > 255
      ? apacheHtpasswd(['-v', file, 'alice'], { input: password })
      : apacheHtpasswd(['-vb', file, 'alice', password]))
    statuses.push(result.status)
    if (result.status === 0) break
  }
  expect.soft(statuses, `${about}\n${hash}`).toContain(0)
}

/** In this process, since processes with `-v` are already among the command lines. */
async function verifyWithOurs(hash: string, passwords: readonly Buffer[], about: string): Promise<void> {
  const results: (boolean | undefined)[] = []
  for (const password of passwords) {
    results.push(await schemeOf(hash)?.verify(password, hash))
    if (results.at(-1)) break
  }
  expect.soft(results, `${about}\n${hash}`).toContain(true)
}

/** Quoted for bash. */
function shown(args: readonly Buffer[]): string {
  return args.map((arg) => `$'${arg.toString('latin1').replace(/[^ -&(-[\]-~]/g, escaped)}'`).join(' ')
}

const escaped = (character: string) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
