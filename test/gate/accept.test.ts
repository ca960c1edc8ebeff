import { expect, test } from 'vitest'
import { prefersHtml } from '../../src/gate/accept.js'

test.each([
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true], // Browsers.
  ['Text/HTML', true],
  ['text/html;level=1;q=0.5', true],
  ['text/html, application/json', true],
  ['application/json;q=0.5, text/html', true],
  ['application/json, text/html', false],
  ['application/json, text/html;q=0.1', false],
  ['text/html;q=0', false],
  ['text/html;q=0.0, */*', false],
  ['text/html;q=nonsense', false],
  ['application/json', false],
  ['application/xhtml+xml, nottext/html', false],
  ['*/*', false],
  ['text/*', false],
  ['', false],
])('Accept: %s prefers HTML: %s', (accept, html) => {
  expect(prefersHtml(accept)).toBe(html)
})
