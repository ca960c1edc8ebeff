import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { htpasswd } from '../../support/run.js'

const [rounds, writers, deleters] = process.env.HTGATE_FULL ? [20, 64, 8] : [1, 32, 4]
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

test.each(numbers(rounds))(
  `${writers} writers and ${deleters} deleters at once lose nothing, round %i`,
  { timeout: 120_000 },
  async () => {
    const cwd = temporaryFolder()
    const file = join(cwd, 'users')
    writeFileSync(
      file,
      ['stays', ...numbers(deleters).map((i) => `leaves${i}`)].map((user) => `${user}:x\n`).join(''),
    )

    const results = await Promise.all([
      ...numbers(writers).map((i) => htpasswd(['-bs', 'users', `comes${i}`, 'secret'], { cwd })),
      ...numbers(deleters).map((i) => htpasswd(['-D', 'users', `leaves${i}`], { cwd })),
    ])

    for (const { status, stderr } of results) expect(status, String(stderr)).toBe(0)
    const users = readFileSync(file, 'utf8').match(/^[^:]+/gm)
    expect(users?.sort()).toEqual(['stays', ...numbers(writers).map((i) => `comes${i}`)].sort())
    expect(readdirSync(cwd)).toEqual(['users'])
  },
)
