import { describe, expect, test } from 'vitest'
import {
  cookieIn,
  holdsSession,
  loginCookiesIn,
  sessionCookie,
  withoutOwnCookies,
} from '../../../src/gate/pages/cookies.js'

const NAME = sessionCookie(true)

describe('a cookie is found by its name', () => {
  test.each([
    [`${NAME}=value`],
    [`theme=dark; ${NAME}=value`],
    [`theme=dark;\t${NAME} = value ; a=b`],
    [`${NAME}="value"`],
    [`${NAME}=value; ${NAME}=second`],
  ])('%j', (header) => {
    expect(cookieIn(header, NAME)).toBe('value')
  })

  // Browsers let any subdomain set a cookie whose name only looks like __Host-: it starts with white space other than a space.
  test.each(['\xa0', '\x85', '\xc2\xa0', '\x0b', '\x0c', '\ufeff', '\u2000', 'x'])(
    'and not where %j precedes it, which any subdomain could set',
    (prefix) => {
      const header = `theme=dark; ${prefix}${NAME}=value`
      expect(cookieIn(header, NAME)).toBeUndefined()
      expect(holdsSession(header)).toBe(false)
      expect(loginCookiesIn(`${prefix}${NAME}-login-12345678=value`, true)).toEqual([])
    },
  )
})

test.each([
  [`${NAME}=value`, undefined],
  [`theme=dark; ${NAME}=value`, 'theme=dark'],
  [`${NAME}=value; theme=dark;${NAME}-login-12345678=x;a=b`, 'theme=dark;a=b'],
  ['theme=dark; a=b', 'theme=dark; a=b'],
  ['theme=htgate', 'theme=htgate'],
])('of %j, the upstream gets %j', (header, rest) => {
  expect(withoutOwnCookies(header)).toBe(rest)
})
