import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { OPTIONS as HTGATE_OPTIONS } from '../src/htgate/options/index.js'
import { SHORT_OPTIONS, TASK_OPTIONS, TASKS } from '../src/htpasswd/manual.js'
import { lacksOrdinaryUser } from './support/ordinary-user.js'
import { describeIf } from './support/peers.js'
import { play } from './transcripts/play.js'

const README = readFileSync('README.md', 'utf8')

describeIf(lacksOrdinaryUser, 'the README’s sessions', () => {
  const sessions = [...README.matchAll(/^```console\n(.*?)^```/gms)].map(([, session = '']) => session)
  test.each(sessions)('%s', (session) => play(session.trimEnd().replace(/^/gm, '  '), 'ours'))
})

describe('the README', () => {
  test('names every option of htgate', () => {
    const flags = HTGATE_OPTIONS.map(({ flag }) => flag)
    expect(flags.filter((flag) => !README.includes(flag))).toEqual([])
  })

  test('names every option of htpasswd', () => {
    const flags = [...SHORT_OPTIONS, ...TASKS, ...TASK_OPTIONS].map(({ flag }) => flag)
    expect(flags.filter((flag) => !README.includes(flag))).toEqual([])
  })

  test('has a sentence for each dependency', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
    for (const name of Object.keys(dependencies))
      expect(README).toMatch(new RegExp(`^- \`${name}\` .*\\.`, 'm'))
  })

  test('has a row for each session of a deviation', () => {
    const [, table = ''] = /\| case \| Apache's \| ours \|\n(.*?)\n\n/s.exec(README) ?? []
    expect(table.split('\n').length - 1).toBeGreaterThanOrEqual(
      readdirSync('test/transcripts/deviations').length,
    )
  })

  test('links to what is there', () => {
    const links = [...README.matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)].map(([, path]) => path as string)
    expect(links.filter((path) => !existsSync(path))).toEqual([])
  })

  test('refers to headings that it has', () => {
    const slugs = [...README.matchAll(/^## (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    )
    const links = [...README.matchAll(/\]\(#([^)]+)\)/g)].map(([, slug]) => slug as string)
    expect(links.filter((slug) => !slugs.includes(slug))).toEqual([])
  })
})
