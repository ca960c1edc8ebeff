import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { htpasswd } from '../../support/run.js'

const rounds = process.env.HTGATE_FULL ? 20 : 1
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

test.each(numbers(rounds))(
  '64 writers and 8 deleters at once lose nothing, time %i',
  { timeout: 120_000 },
  async () => {
    const cwd = temporaryFolder()
    const file = join(cwd, 'users')
    writeFileSync(
      file,
      ['stays', ...numbers(8).map((i) => `leaves${i}`)].map((user) => `${user}:x\n`).join(''),
    )

    const results = await Promise.all([
      ...numbers(64).map((i) => htpasswd(['-bs', 'users', `comes${i}`, 'secret'], { cwd })),
      ...numbers(8).map((i) => htpasswd(['-D', 'users', `leaves${i}`], { cwd })),
    ])

    for (const { status, stderr } of results) expect(status, String(stderr)).toBe(0)
    const users = readFileSync(file, 'utf8').match(/^[^:]+/gm)
    expect(users?.sort()).toEqual(['stays', ...numbers(64).map((i) => `comes${i}`)].sort())
    expect(readdirSync(cwd)).toEqual(['users'])
  },
)
