import { describe, expect, test } from 'vitest'
import { isPreflight, parseOrigin, siteOf } from '../../src/gate/cross-origin.js'

const site = (headers: { site?: string; origin?: string }, host: string | string[], proto = 'http') =>
  siteOf({ fetchSite: headers.site, origin: headers.origin }, [host].flat(), proto)

describe('the origin of a request', () => {
  test.each([
    ['same-origin', 'same'],
    ['none', 'same'],
    ['same-site', 'other'],
    ['cross-site', 'other'],
    ['something-new', 'other'],
  ])('Sec-Fetch-Site: %s: %s', (value, expected) => {
    expect(site({ site: value }, 'mlflow.lan:8080')).toBe(expected)
    // A referrer policy may hide the origin even from the page's own server.
    expect(site({ site: value, origin: 'null' }, 'mlflow.lan:8080')).toBe(expected)
  })

  test('a request without browser headers is a program’s', () => {
    expect(site({}, 'mlflow.lan')).toBe('unknown')
  })

  test.each([
    ['http://mlflow.lan:8080', 'mlflow.lan:8080', 'http', 'same'],
    ['http://mlflow.lan', 'mlflow.lan', 'http', 'same'],
    ['http://mlflow.lan', 'mlflow.lan:80', 'http', 'same'],
    ['https://mlflow.lan', 'mlflow.lan:443', 'https', 'same'],
    ['https://mlflow.lan:443', 'mlflow.lan', 'https', 'same'],
    ['http://MLflow.LAN:8080', 'mlflow.lan:8080', 'http', 'same'],
    ['http://[::1]:8080', '[::1]:8080', 'http', 'same'],
    // TLS may end at a proxy that is not trusted to say so.
    ['https://mlflow.lan', 'mlflow.lan', 'http', 'same'],
    ['http://mlflow.lan', 'mlflow.lan', 'https', 'other'],
    ['http://mlflow.lan:8081', 'mlflow.lan:8080', 'http', 'other'],
    ['http://mlflow.lan', 'mlflow.lan:443', 'http', 'other'],
    ['http://evil.example', 'mlflow.lan', 'http', 'other'],
    ['http://mlflow.lan.evil.example', 'mlflow.lan', 'http', 'other'],
    ['http://evil-mlflow.lan', 'mlflow.lan', 'http', 'other'],
    ['http://mlflow.lan@evil.example', 'mlflow.lan', 'http', 'other'],
    ['http://mlflow.lan/', 'mlflow.lan', 'http', 'other'],
    ['http://evil.example, http://mlflow.lan', 'mlflow.lan', 'http', 'other'],
    ['null', 'mlflow.lan', 'http', 'other'],
    ['', '', 'http', 'other'],
    ['chrome-extension://mlflow.lan', 'mlflow.lan', 'http', 'other'],
    ['file://', 'mlflow.lan', 'http', 'other'],
  ])('Origin %s at %s over %s: %s', (origin, host, proto, expected) => {
    expect(site({ origin }, host, proto)).toBe(expected)
  })

  test('any host name sent by a trusted proxy is accepted', () => {
    expect(
      site({ origin: 'https://mlflow.example.org' }, ['10.0.0.1:8080', 'mlflow.example.org'], 'https'),
    ).toBe('same')
  })
})

test.each([
  ['https://app.example.org', 'https://app.example.org'],
  ['HTTPS://App.Example.org:443', 'https://app.example.org'],
  ['http://localhost:3000', 'http://localhost:3000'],
  ['https://app.example.org/', undefined],
  ['app.example.org', undefined],
  ['*', undefined],
  ['null', undefined],
  ['https://a b', undefined],
])('the allowed origin %s is read as %s', (text, origin) => {
  expect(parseOrigin(text)).toBe(origin)
})

test('a preflight is OPTIONS with an origin and a requested method', () => {
  expect(isPreflight('OPTIONS', 'https://a.example', 'POST')).toBe(true)
  expect(isPreflight('OPTIONS', 'https://a.example', undefined)).toBe(false)
  expect(isPreflight('OPTIONS', undefined, 'POST')).toBe(false)
  expect(isPreflight('POST', 'https://a.example', 'POST')).toBe(false)
})
