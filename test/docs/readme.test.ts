import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const README = readFileSync('README.md', 'utf8')

test('has fewer than 150 lines', () => {
  expect(README.split('\n').length).toBeLessThan(150)
})

test('begins with a sentence, a diagram, a picture and the quick start', () => {
  const begins = [
    'htgate puts a login',
    '```\n  browsers',
    '![',
    '## A guarded MLflow',
    '## Which tool',
    '## From a checkout',
  ]
  const places = begins.map((text) => README.indexOf(text))
  expect(places).not.toContain(-1)
  expect(places).toEqual(places.toSorted((a, b) => a - b))
})

test('has figures only in docs/figures.md', () => {
  expect(README).not.toMatch(/requests\/s|\d[,.]\d{3}\b|\d µs/)
})
