import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SHORT_OPTIONS, TASK_OPTIONS, TASKS } from '../../src/htpasswd/manual.js'
import { lacksOrdinaryUser } from '../support/ordinary-user.js'
import { describeIf } from '../support/peers.js'
import { play } from '../transcripts/play.js'

// The pages that people read, against the code and the package.

const { files, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const PAGES = [
  'README.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'deploy/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
]
const textOf = (path: string) => readFileSync(path, 'utf8')

/** Files that npm always packs. */
const ALWAYS_PACKED = ['package.json', 'README.md', 'LICENSE']
const isPacked = (path: string) =>
  [...ALWAYS_PACKED, ...files].some((entry) => path === entry || path.startsWith(`${entry}/`))

describe.each(PAGES)('%s', (page) => {
  const text = textOf(page)
  const links = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, link = '']) => {
    const [path, anchor] = link.split('#') as [string, string?]
    return { link, anchor, path: path === '' ? page : normalize(join(dirname(page), path)) }
  })

  test('links to existing files', () => {
    expect(links.filter(({ path }) => !existsSync(path)).map(({ link }) => link)).toEqual([])
  })

  test.runIf(isPacked(page))('links to what the package contains', () => {
    expect(links.filter(({ path }) => !isPacked(path)).map(({ link }) => link)).toEqual([])
  })

  test('links to headings that exist', () => {
    const broken = links.filter(
      ({ path, anchor }) =>
        anchor !== undefined && existsSync(path) && !anchorsOf(textOf(path)).includes(anchor),
    )
    expect(broken.map(({ link }) => link)).toEqual([])
  })
})

/** GitHub's anchors of headings. */
const anchorsOf = (text: string) =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )

test('README.md leads to every page', () => {
  const missing = PAGES.filter((page) => page !== 'README.md' && !textOf('README.md').includes(`](${page}`))
  expect(missing).toEqual([])
})

describeIf(lacksOrdinaryUser, 'docs/htpasswd.md', () => {
  const sessions = [...textOf('docs/htpasswd.md').matchAll(/^```console\n(.*?)^```/gms)]
  test.each(sessions.map(([, session = '']) => session))('%s', (session) =>
    play(session.trimEnd().replace(/^/gm, '  '), 'ours'),
  )
})

test('docs/htpasswd.md mentions every long option of htpasswd', () => {
  const text = textOf('docs/htpasswd.md')
  const flags = [...TASKS, ...TASK_OPTIONS].map(({ flag }) => flag)
  expect(flags.filter((flag) => !text.includes(flag))).toEqual([])
})

test('the pages on htpasswd mention every short option', () => {
  const text = ['htpasswd', 'schemes', 'deviations'].map((name) => textOf(`docs/${name}.md`)).join('\n')
  const letters = SHORT_OPTIONS.map(({ flag }) => flag[1] as string)
  expect(letters.filter((letter) => !new RegExp(`(^|[^\\w-])-\\w*${letter}`, 'm').test(text))).toEqual([])
})

test('docs/dependencies.md has a sentence for each dependency, and for no other', () => {
  const listed = [...textOf('docs/dependencies.md').matchAll(/^- `([^`]+)` \w.*\.$/gm)].map(
    ([, name]) => name,
  )
  expect(listed.toSorted()).toEqual(Object.keys(dependencies).toSorted())
})

test('docs/deviations.md has a row for each session of a deviation', () => {
  const [, table = ''] =
    /\| case \| Apache's \| this one \|\n(.*?)\n\n/s.exec(textOf('docs/deviations.md')) ?? []
  expect(table.split('\n').length - 1).toBeGreaterThanOrEqual(
    readdirSync('test/transcripts/deviations').length,
  )
})
