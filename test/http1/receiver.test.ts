import { describe, expect, test } from 'vitest'
import { byteByByte, readRequests, readResponses, splitAt } from './support.js'

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: x\r\n'
const chunked = (body: string) => `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`

const long = 'a'.repeat(65_000)

/** What is rejected, with status and message. */
const REFUSED: [string, string, number, RegExp][] = [
  ['no version', 'GET /\r\n\r\n', 400, /not a method, a target and a version/],
  ['two spaces', `GET  / HTTP/1.1\r\nHost: x\r\n\r\n`, 400, /version|target/],
  ['a tab in place of a space', 'GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n', 400, /request line/],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', 400, /version/],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: x\r\n\r\n', 505, /HTTP\/1\.1/],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: x\r\n\r\n', 505, /HTTP\/1\.1/],
  ['HTTP/0.9', 'GET / HTTP/0.9\r\nHost: x\r\n\r\n', 505, /HTTP\/1\.1/],
  ['http in lower case', 'GET / http/1.1\r\nHost: x\r\n\r\n', 400, /version/],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, /HTTP\/2/],
  ['an unknown method', 'FOO / HTTP/1.1\r\nHost: x\r\n\r\n', 501, /method/],
  ['a method in lower case', 'get / HTTP/1.1\r\nHost: x\r\n\r\n', 501, /method/],
  ['a method that is not a token', 'G(T / HTTP/1.1\r\nHost: x\r\n\r\n', 400, /token/],
  ['CONNECT', 'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n', 405, /CONNECT/],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: x\r\n\r\n', 405, /TRACE/],
  ['a target that is not a path', 'GET foo HTTP/1.1\r\nHost: x\r\n\r\n', 400, /target/],
  ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n', 400, /target/],
  ['* with GET', 'GET * HTTP/1.1\r\nHost: x\r\n\r\n', 400, /target/],
  ['a target in another scheme', 'GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n', 400, /target/],
  ['user information in the target', 'GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n', 400, /target/],
  ['bytes over 127 in the target', 'GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n', 400, /target/],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400, /no Host/],
  ['two Hosts', `${GET}Host: x\r\n\r\n`, 400, /more than one Host/],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400, /Host is not a host/],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: x/y\r\n\r\n', 400, /Host is not a host/],
  ['a Host with a user', 'GET / HTTP/1.1\r\nHost: u@x\r\n\r\n', 400, /Host is not a host/],
  ['a Host with two dots', 'GET / HTTP/1.1\r\nHost: a..b\r\n\r\n', 400, /Host is not a host/],
  ['a list of Hosts', 'GET / HTTP/1.1\r\nHost: x, y\r\n\r\n', 400, /Host is not a host/],
  ['bare LF', 'GET / HTTP/1.1\nHost: x\n\n', 400, /LF instead of CRLF/],
  ['bare LF between fields', `${GET}A: b\nC: d\r\n\r\n`, 400, /LF instead of CRLF/],
  ['bare LF at the end', `${GET}\n`, 400, /LF instead of CRLF/],
  ['bare CR', `${GET}A: b\rC: d\r\n\r\n`, 400, /control character/],
  ['NUL', `${GET}A: b\0\r\n\r\n`, 400, /control character/],
  ['DEL', `${GET}A: b\x7f\r\n\r\n`, 400, /control character/],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, /control character/],
  ['a folded line', `${GET}A: b\r\n c\r\n\r\n`, 400, /starts with whitespace/],
  ['whitespace before the first field', 'GET / HTTP/1.1\r\n Host: x\r\n\r\n', 400, /starts with whitespace/],
  ['whitespace before a colon', `${GET}A : b\r\n\r\n`, 400, /field line/],
  ['no colon', `${GET}A\r\n\r\n`, 400, /field line/],
  ['no name', `${GET}: b\r\n\r\n`, 400, /field line/],
  ['a name that is not a token', `${GET}A(: b\r\n\r\n`, 400, /field line/],
  ['a name with bytes over 127', `${GET}\xc3\xa9: b\r\n\r\n`, 400, /field line/],
  ['a length that is empty', `${POST}Content-Length:\r\n\r\n`, 400, /not a number/],
  ['a length with a sign', `${POST}Content-Length: +1\r\n\r\na`, 400, /not a number/],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\n`, 400, /not a number/],
  ['a hexadecimal length', `${POST}Content-Length: 0x1\r\n\r\na`, 400, /not a number/],
  ['a list of lengths', `${POST}Content-Length: 1, 1\r\n\r\na`, 400, /not a number/],
  ['a length twice', `${POST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, 400, /more than one/],
  ['a length beyond 2^53', `${POST}Content-Length: 9007199254740993\r\n\r\n`, 413, /longer/],
  ['CL and TE', `${POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, /both/],
  ['TE and CL', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n`, 400, /both/],
  ['chunked twice', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 400, /more than once/],
  [
    'two Transfer-Encodings',
    `${POST}${'Transfer-Encoding: chunked\r\n'.repeat(2)}\r\n`,
    400,
    /more than once/,
  ],
  ['gzip, chunked', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501, /chunked/],
  ['chunked, gzip', `${POST}Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n`, 400, /last/],
  ['xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 400, /last/],
  ['an empty Transfer-Encoding', `${POST}Transfer-Encoding:\r\n\r\n0\r\n\r\n`, 400, /last/],
  ['chunked with a parameter', `${POST}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n`, 400, /last/],
  ['chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 400, /HTTP\/1\.0/],
  ['a chunk size with 0x', chunked('0x5\r\nhello\r\n0\r\n\r\n'), 400, /hexadecimal/],
  ['a chunk size with a space', chunked('5 \r\nhello\r\n0\r\n\r\n'), 400, /hexadecimal/],
  ['a chunk size with a sign', chunked('+5\r\nhello\r\n0\r\n\r\n'), 400, /hexadecimal/],
  ['no chunk size', chunked('\r\n'), 400, /no size/],
  ['extensions without a size', chunked(';a\r\n'), 400, /hexadecimal/],
  ['a chunk size of 17 digits', chunked(`${'0'.repeat(16)}5\r\nhello\r\n`), 400, /digits/],
  ['a chunk beyond 2^53', chunked('fffffffffffffff\r\n'), 413, /longer/],
  ['a chunk that ends with LF', chunked('5\r\nhello\n0\r\n\r\n'), 400, /does not end/],
  ['a chunk size that ends with LF', chunked('5\nhello\r\n0\r\n\r\n'), 400, /hexadecimal/],
  ['a chunk that is too long', chunked('5\r\nhello!\r\n0\r\n\r\n'), 400, /does not end/],
  ['an extension without a name', chunked('5;\r\nhello\r\n0\r\n\r\n'), 400, /extensions/],
  ['whitespace before an extension', chunked('5;a=b ;c\r\nhello\r\n0\r\n\r\n'), 400, /extensions/],
  ['an extension with a control character', chunked('5;a="\x01"\r\nhello\r\n0\r\n\r\n'), 400, /extensions/],
  ['extensions without end', chunked(`5;a=${long}`), 413, /extensions/],
  ['a trailer that is not a field', chunked('0\r\nfoo\r\n\r\n'), 400, /field line/],
  ['a folded trailer', chunked('0\r\nA: b\r\n c\r\n\r\n'), 400, /whitespace/],
  ['a trailer with bare LF', chunked('0\r\nA: b\n\r\n'), 400, /LF/],
  ['a length as a trailer', chunked('0\r\nContent-Length: 0\r\n\r\n'), 400, /trailers/],
  ['a coding as a trailer', chunked('0\r\nA: b\r\nTRANSFER-ENCODING: chunked\r\n\r\n'), 400, /trailers/],
  ['a trailer that closes', chunked('0\r\nConnection: close\r\n\r\n'), 400, /trailers/],
  ['trailers without end', chunked(`0\r\nA: ${long}`), 431, /trailers/],
  ['a head without end', `${GET}A: ${long}`, 431, /head/],
  ['a target without end', `GET /${long}`, 414, /target/],
  ['too many fields', `${GET}${'A: b\r\n'.repeat(600)}\r\n`, 431, /fields/],
  ['LF before the request', `\n${GET}\r\n`, 400, /CRLF/],
  ['empty lines in place of a request', '\r\n\r\n\r\n', 400, /empty lines/],
]

/** What is accepted, and how it is read. */
const TAKEN: [string, string, string, Record<string, unknown>][] = [
  ['no fields but Host', `${GET}\r\n`, 'GET / 1.1', { fields: ['Host', 'x'], body: '' }],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', 'GET / 1.0', { fields: [] }],
  ['an absolute target', 'GET HTTP://x:80?q HTTP/1.1\r\nHost: y\r\n\r\n', 'GET HTTP://x:80?q 1.1', {}],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 'OPTIONS * 1.1', {}],
  ['odd characters in the target', 'GET /"{}|^`<>\\ HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /"{}|^`<>\\ 1.1', {}],
  ['an empty line first', `\r\n${GET}\r\n`, 'GET / 1.1', {}],
  [
    'whitespace around a value',
    `${GET}A: \t b c \t\r\n\r\n`,
    'GET / 1.1',
    { fields: ['Host', 'x', 'A', 'b c'] },
  ],
  ['an empty value', `${GET}A:\r\n\r\n`, 'GET / 1.1', { fields: ['Host', 'x', 'A', ''] }],
  ['bytes over 127 in a value', `${GET}A: \xe9\r\n\r\n`, 'GET / 1.1', { fields: ['Host', 'x', 'A', '\xe9'] }],
  ['a length', `${POST}Content-Length: 05\r\n\r\nhello`, 'POST / 1.1', { body: 'hello' }],
  ['no length', `${POST}\r\n`, 'POST / 1.1', { body: '' }],
  ['chunks', chunked('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n'), 'POST / 1.1', { body: 'hello world' }],
  ['CHUNKED', `${POST}Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n`, 'POST / 1.1', { body: '' }],
  ['a size with zeros', chunked('000A\r\n0123456789\r\n00\r\n\r\n'), 'POST / 1.1', { body: '0123456789' }],
  ['extensions', chunked('1;a;b=c;d="e;\\""\r\nx\r\n0;f\r\n\r\n'), 'POST / 1.1', { body: 'x' }],
  ['trailers', chunked('0\r\nA: b\r\nC:\r\n\r\n'), 'POST / 1.1', { trailers: ['A', 'b', 'C', ''] }],
  [
    'a query of 60 kB',
    `GET /?${'q'.repeat(61_440)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET /?${'q'.repeat(61_440)} 1.1`,
    {},
  ],
]

describe('requests', () => {
  test.each(REFUSED)('%s is rejected, however it arrives', (_, text, status, words) => {
    const all = [readRequests(text), readRequests(text, byteByByte)]
    for (const { messages, error } of all) {
      expect(messages).toEqual([])
      expect(error?.status).toBe(status)
      expect(error?.message).toMatch(words)
    }
  })

  test.each(TAKEN)('%s is accepted', (_, text, start, expected) => {
    const read = readRequests(text)
    expect(read.error).toBeUndefined()
    expect(read.messages).toHaveLength(1)
    expect(read.messages[0]).toMatchObject({ start, ...expected })
    expect(readRequests(text, byteByByte)).toEqual(read)
  })

  test('a pipeline reads the same when split at any byte', () => {
    const text = TAKEN.filter(([, text]) => text.length < 1000 && !text.includes('HTTP/1.0'))
      .map(([, text]) => text)
      .join('')
    const read = readRequests(text)
    expect(read.error).toBeUndefined()
    expect(read.messages).toHaveLength(TAKEN.length - 2)
    for (let at = 1; at < text.length; at++) expect(readRequests(text, splitAt(at))).toEqual(read)
  })

  test('the bytes after a message start the next one', () => {
    const { messages, error } = readRequests(
      `${POST}Content-Length: 3\r\n\r\nabcFOO / HTTP/1.1\r\nHost: x\r\n\r\n`,
    )
    expect(messages.map(({ body }) => body)).toEqual(['abc'])
    expect(error?.status).toBe(501)
  })
})

describe('responses', () => {
  const OK = 'HTTP/1.1 200 OK\r\n'
  const CHUNKS = 'Transfer-Encoding: chunked\r\n\r\n0\r\n'

  test.each([
    ['nonsense', 'what?\r\n\r\n', /status line/],
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n', /status line/],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', /status line/],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', /status line/],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n', /status line/],
    ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', /LF instead of CRLF/],
    ['a control character in the reason', 'HTTP/1.1 200 \x01\r\n\r\n', /control character/],
    ['a folded line', `${OK}A: b\r\n c\r\n\r\n`, /whitespace/],
    ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`, /more than one/],
    ['a length that is not a number', `${OK}Content-Length: 1a\r\n\r\na`, /not a number/],
    ['both TE and CL', `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /both/],
    ['gzip, chunked', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, /chunked, once/],
    ['gzip', `${OK}Transfer-Encoding: gzip\r\n\r\nabc`, /chunked, once/],
    [
      'chunked twice',
      `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
      /chunked, once/,
    ],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', /HTTP\/1\.0/],
    ['100 in HTTP/1.0', 'HTTP/1.0 100 Continue\r\n\r\n', /interim/],
    ['a bad chunk', `${OK}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, /hexadecimal/],
    ['a length as a trailer', `${OK}${CHUNKS}Content-Length: 1\r\n\r\na`, /trailers/],
    ['a trailer that closes', `${OK}${CHUNKS}Connection: close\r\n\r\n`, /trailers/],
    ['a head without end', `${OK}A: ${long}`, /longer/],
  ])('%s is rejected, however it arrives', (_, text, words) => {
    for (const { messages, error } of [readResponses(text), readResponses(text, false, byteByByte)]) {
      expect(messages).toEqual([])
      expect(error?.status).toBe(502)
      expect(error?.message).toMatch(words)
    }
  })

  test.each([
    ['a length', `${OK}Content-Length: 2\r\n\r\nab`, '200 OK 1.1', 'ab'],
    ['chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n`, '200 OK 1.1', 'ab'],
    ['until the connection closes', `${OK}\r\nab`, '200 OK 1.1', 'ab'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nab', '200 OK 1.0', 'ab'],
    ['no reason', 'HTTP/1.1 200 \r\n\r\n', '200  1.1', ''],
    ['no space after the status', 'HTTP/1.1 200\r\n\r\n', '200  1.1', ''],
    [
      'a reason with bytes over 127',
      'HTTP/1.1 404 Nicht da: \xe4\r\nContent-Length: 0\r\n\r\n',
      '404 Nicht da: \xe4 1.1',
      '',
    ],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', '204 No Content 1.1', ''],
    [
      '304 with a length',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
      '304 Not Modified 1.1',
      '',
    ],
    ['100 first', `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nab`, '200 OK 1.1', 'ab'],
    [
      '103 twice',
      `${'HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n'.repeat(2)}${OK}Content-Length: 2\r\n\r\nab`,
      '200 OK 1.1',
      'ab',
    ],
  ])('%s is accepted', (_, text, start, body) => {
    const read = readResponses(text)
    expect(read).toMatchObject({ error: undefined, messages: [{ start, body }] })
    for (let at = 1; at < text.length; at++) expect(readResponses(text, false, splitAt(at))).toEqual(read)
  })

  test('a response to HEAD has no body, regardless of its length', () => {
    const { messages, error } = readResponses(`${OK}Content-Length: 1000\r\n\r\n`, true)
    expect(error).toBeUndefined()
    expect(messages).toMatchObject([{ start: '200 OK 1.1', body: '' }])
  })

  test('one that ends before its length is incomplete', () => {
    expect(readResponses(`${OK}Content-Length: 3\r\n\r\nab`)).toMatchObject({
      messages: [],
      open: '200 OK 1.1',
    })
    expect(readResponses(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`)).toMatchObject({
      messages: [],
    })
  })
})
