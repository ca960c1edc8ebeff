import { describe, expect, test } from 'vitest'
import { UpstreamNames, withoutAuthority } from '../../src/gate/upstream-name.js'
import { MlflowProfile } from '../../src/policy/mlflow.js'
import { none } from '../../src/policy/profile.js'

const mlflow = new MlflowProfile()

describe('Host and Origin for the upstream', () => {
  const names = new UpstreamNames(mlflow, 'http://mlflow:5000', undefined)

  test.each([
    ['mlflow.lan:8080', 'localhost:5000'],
    ['192.168.1.5:8080', 'localhost:5000'],
    ['localhost:8080', 'localhost:8080'],
    ['127.0.0.1', '127.0.0.1'],
    ['[::1]:8080', '[::1]:8080'],
    ['localhost.evil.example', 'localhost:5000'],
  ])('%s becomes %s', (host, sent) => {
    expect(names.for(host, undefined, false).host).toBe(sent)
  })

  test('the origin of the gate’s own pages is mapped, and no other', () => {
    expect(names.for('a.lan', 'http://a.lan', true).origin).toBe('http://localhost:5000')
    expect(names.for('a.lan', 'http://b.lan', false).origin).toBe('http://b.lan')
    expect(names.for('localhost', 'null', true).origin).toBe('http://localhost')
  })

  test('a fixed name, a socket and another application', () => {
    const fixed = new UpstreamNames(mlflow, 'https://10.0.0.1:5000', 'mlflow.internal')
    expect(fixed.for('localhost', 'http://localhost', true)).toEqual({
      host: 'mlflow.internal',
      origin: 'https://mlflow.internal',
    })
    expect(new UpstreamNames(mlflow, 'http://localhost', undefined).for('a.lan', undefined, false).host).toBe(
      'localhost',
    )
    expect(new UpstreamNames(none, 'http://app:80', undefined).for('a.lan', 'http://a.lan', true)).toEqual({
      host: 'a.lan',
      origin: 'http://a.lan',
    })
  })
})

test.each([
  ['Location: http://localhost:5000/mlflow/?a#b', 'Location: /mlflow/?a#b'],
  ['location:https://LOCALHOST:5000', 'location:/'],
  ['Location: http://localhost:5000?a', 'Location: /?a'],
  ['Location: http://elsewhere.example/x', 'Location: http://elsewhere.example/x'],
  ['Location: http://localhost:5000.evil.example/', 'Location: http://localhost:5000.evil.example/'],
  ['Location: /x', 'Location: /x'],
  ['X-Location: http://localhost:5000/', 'X-Location: http://localhost:5000/'],
])('%s becomes %s', (line, expected) => {
  expect(withoutAuthority(`A: b\r\n${line}\r\nC: d\r\n`, 'localhost:5000')).toBe(
    `A: b\r\n${expected}\r\nC: d\r\n`,
  )
})
