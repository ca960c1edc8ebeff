import type { Random } from '../support/random.js'

// Almost valid messages, made of elements that parsers disagree about, and then damaged.

const METHODS = [
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'PATCH',
  'PROPFIND',
  'M-SEARCH',
]
const ODD_METHODS = ['get', 'FOO', 'TRACE', 'CONNECT', 'PRI', 'GET\t', ' GET', 'G ET', 'SOURCE', 'QUERY', '']
const TARGETS = [
  '/',
  '/a/b?c=d',
  '/%2F..//x',
  '/"{}|^`<>\\',
  'http://x/y',
  'https://x:1?q',
  "/~!$&'()*+,;=:@[]",
]
const ODD_TARGETS = [
  '*',
  'x',
  '/a b',
  '/\xe9',
  '/#f',
  '//x',
  'http://',
  'http://u@x/',
  'x:443',
  '',
  '/\t',
  'HTTP://[::1]/',
]
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0']
const ODD_VERSIONS = [
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.10',
  'HTTP/11',
  'HTTP/1.1 ',
  'ICE/1.0',
  '',
]
const HOSTS = ['x', 'x.example:80', '127.0.0.1', '[::1]:8', 'a_b']
const FIELDS = [
  'A: b',
  'Accept:*/*',
  'X-Y:  z  ',
  'Empty:',
  'Cookie: a=b; c="d"',
  'X: \xe9\xff',
  'Date: \tx',
  "!#$%&'*+-.^_`|~: t",
]
const CONNECTION = [
  'keep-alive',
  'close',
  'Close',
  'keep-alive, x',
  'upgrade',
  'x,close',
  'Keep-Alive ,  TE',
  '',
]
const ODD_FIELDS = [
  'A : b',
  ' A: b',
  'A',
  ': b',
  'A(: b',
  '\xe9: b',
  'A: \x01',
  'A: b\0c',
  'A: b\rC: d',
  'A: b\nC: d',
  'Host: x',
  'Host : x',
  'Host: x/y',
  'A: b\r\n c',
  'A: b\r\n\tc',
  'A:\r\n b',
  'A: \x7f',
  'A\t: b',
]
/** Trailers that a parser may treat as fields of the head. */
const ODD_TRAILERS = [
  ...ODD_FIELDS,
  'Content-Length: 5',
  'Content-Length: 0',
  'Transfer-Encoding: chunked',
  'Connection: close',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Expect: 100-continue',
]
const LENGTHS = ['0', '5', '05', '3']
const ODD_LENGTHS = [
  '+5',
  '-5',
  '5, 5',
  '5,5',
  ' ',
  '0x5',
  '5.0',
  '5 5',
  '99999999999999999999',
  '1e1',
  '5;',
  '\t5',
  '5\t',
  '',
]
const CODINGS = ['chunked', 'Chunked', 'CHUNKED']
const ODD_CODINGS = [
  'gzip, chunked',
  'chunked, gzip',
  'xchunked',
  'chunked, chunked',
  'identity',
  '',
  'chunked;a=b',
  'chunked,',
  ', chunked',
  '"chunked"',
  'chun ked',
  'chunked\t',
  '\x0bchunked',
]
const EXTENSIONS = [';a', ';a=b', ';a="b c"', ';a;b=c', ';a="\\"\\\\"', ";!#$=%&'"]
const ODD_EXTENSIONS = [
  ';',
  ' ;a',
  '; a',
  ';a =b',
  ';a= b',
  ';a="b',
  ';a="\x01"',
  ' ',
  '\t',
  ';a=',
  ';a\n',
  ';\r',
  ';a="b"c',
  ';=b',
]
const ODD_SIZES = [
  '0x5',
  '+5',
  '-5',
  ' 5',
  '5 ',
  'g',
  '',
  '5h',
  '00000000000000000005',
  'ffffffffffffffff',
  '5\n',
]

const ODDITY = 0.06

function line(random: Random): string {
  return random.chance(0.03) ? random.pick(['\n', '\r', '\r\r\n', '', '\n\r']) : '\r\n'
}

const one = (random: Random, usual: readonly string[], odd: readonly string[]): string =>
  random.pick(random.chance(ODDITY) ? odd : usual)

function fields(random: Random): string[] {
  const all: string[] = []
  for (let i = random.number(4); i > 0; i--) all.push(one(random, FIELDS, ODD_FIELDS))
  if (random.chance(0.3)) all.push(`Connection: ${random.pick(CONNECTION)}`)
  return all
}

function framing(random: Random, always: boolean): { fields: string[]; body: string } {
  const kind = random.number(always ? 2 : 3)
  if (kind === 2) return { fields: [], body: random.chance(0.1) ? 'hello' : '' }
  const odd: string[] = []
  if (random.chance(ODDITY)) odd.push(`Content-Length: ${random.pick(LENGTHS)}`)
  if (random.chance(ODDITY)) odd.push(`Transfer-Encoding: ${random.pick([...CODINGS, ...ODD_CODINGS])}`)
  if (kind === 0) {
    const length = one(random, LENGTHS, ODD_LENGTHS)
    const name = random.pick(['Content-Length', 'content-length', 'CONTENT-LENGTH'])
    const size = Number.parseInt(length, 10)
    const body = 'hello world'.slice(0, size > 0 && size < 12 ? size : 0)
    return { fields: random.shuffled([`${name}: ${length}`, ...odd]), body }
  }
  return {
    fields: random.shuffled([`Transfer-Encoding: ${one(random, CODINGS, ODD_CODINGS)}`, ...odd]),
    body: chunks(random),
  }
}

function chunks(random: Random): string {
  let text = ''
  for (let i = random.number(4); i > 0; i--) {
    const data = random.pick(['hello', 'x', '\r\n', '0\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'a'.repeat(17)])
    text += size(random, data.length) + extensions(random) + line(random) + data + line(random)
  }
  text += random.pick(['0', '0', '0', '00', '000']) + extensions(random) + line(random)
  for (let i = random.chance(0.3) ? random.number(3) : 0; i > 0; i--)
    text += one(random, FIELDS, ODD_TRAILERS) + line(random)
  return text + line(random)
}

function size(random: Random, length: number): string {
  if (random.chance(0.04)) return random.pick(ODD_SIZES)
  if (random.chance(0.03)) return (length + random.pick([-1, 1])).toString(16)
  const hex = length.toString(16)
  return random.pick([hex, hex, hex.toUpperCase(), `0${hex}`])
}

function extensions(random: Random): string {
  return random.chance(0.15) ? one(random, EXTENSIONS, ODD_EXTENSIONS) : ''
}

/** Up to three requests in a row; one in ten has some bytes changed. */
export function generateRequests(random: Random): string {
  let text = ''
  for (let i = 1 + (random.chance(0.2) ? random.number(3) : 0); i > 0; i--) {
    const { fields: lengths, body } = framing(random, random.chance(0.6))
    const hosts = random.chance(0.97) ? [`${random.pick(['Host', 'host'])}: ${random.pick(HOSTS)}`] : []
    const lines = random.shuffled([...hosts, ...fields(random), ...lengths])
    if (random.chance(0.02)) text += random.pick(['\r\n', '\r\n\r\n', '\n', ' ', '\r'])
    text += `${one(random, METHODS, ODD_METHODS)} ${one(random, TARGETS, ODD_TARGETS)} ${one(random, VERSIONS, ODD_VERSIONS)}`
    text += line(random)
    for (const each of lines) text += each + line(random)
    text += line(random) + body
  }
  return damaged(random, text)
}

const STATUSES = [
  '200 OK',
  '200 OK',
  '200 OK',
  '404 Not Found',
  '204 No Content',
  '304 Not Modified',
  '500 ',
  '200',
  '201 \xe9',
  '299 a\tb',
]
const ODD_STATUSES = [
  '20 OK',
  '2000 OK',
  '099 x',
  '600 x',
  '200  OK',
  '200 \x01',
  ' 200 OK',
  '2OO OK',
  '200OK',
  '',
]

/** A response, preceded by interim ones. */
export function generateResponse(random: Random): string {
  let text = ''
  for (let i = random.chance(0.1) ? random.number(3) : 0; i > 0; i--) {
    text += `HTTP/1.1 ${random.pick(['100 Continue', '102 Processing', '103 Early Hints'])}\r\n`
    text += random.chance(0.5) ? 'Link: </x>\r\n\r\n' : '\r\n'
  }
  const { fields: lengths, body } = framing(random, random.chance(0.7))
  const lines = random.shuffled([...fields(random), ...lengths])
  text += `${one(random, VERSIONS, ODD_VERSIONS)} ${one(random, STATUSES, ODD_STATUSES)}${line(random)}`
  for (const each of lines) text += each + line(random)
  text += line(random) + body
  return damaged(random, text)
}

const DAMAGE = [
  '\0',
  '\t',
  '\n',
  '\r',
  ' ',
  '"',
  ',',
  ':',
  ';',
  '0',
  '9',
  'A',
  '\x7f',
  '\x80',
  '\xff',
  '\r\n',
]

function damaged(random: Random, text: string): string {
  if (!random.chance(0.12)) return text
  let result = text
  for (let i = 1 + random.number(2); i > 0; i--) {
    const at = random.number(result.length)
    const rest = random.chance(0.5) ? at : at + 1
    result = result.slice(0, at) + (random.chance(0.2) ? '' : random.pick(DAMAGE)) + result.slice(rest)
  }
  return random.chance(0.1) ? result.slice(0, random.number(result.length)) : result
}
