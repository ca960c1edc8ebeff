import { expect, test } from 'vitest'
import { randomFrom } from '../support/random.js'
import { type NodeReading, readRequestsWithNode, readResponsesWithNode } from './against-node.js'
import { generateRequests, generateResponse } from './generated.js'
import { byteByByte, type Reading, readRequests, readResponses } from './support.js'

// Every message that our parser accepts, Node's accepts with the same meaning: request smuggling relies on messages that two
// programs read differently.

/** HTGATE_FUZZ=1000000 takes about ten minutes; another HTGATE_FUZZ_SEED generates other messages. */
const SEED = process.env.HTGATE_FUZZ_SEED ?? ''
const COUNT = Number(process.env.HTGATE_FUZZ ?? (process.env.HTGATE_FULL ? 100_000 : 10_000))
const TIMEOUT = 60_000 + COUNT * 20
const BATCH = 500
/** Every tenth message is also read byte by byte. */
const BYTES = 10

/** What we reject and Node accepts, by our message, and why. */
const STRICTER: [RegExp, string][] = [
  [/method is unknown|CONNECT and TRACE/, 'methods that are not served, or that open a tunnel'],
  [
    /target is neither a path nor an http URL/,
    'a fragment, user information, * without OPTIONS: read differently elsewhere',
  ],
  [
    /more than one Host|Host is not a host/,
    'RFC 9112, section 3.2; Node keeps the first one, whatever it is',
  ],
  [/HTTP\/1\.0 has no Transfer-Encoding/, 'RFC 9112, section 6.1: its framing is faulty'],
  [
    /chunked is applied more than once|last Transfer-Encoding|only Transfer-Encoding/,
    'RFC 9112, sections 6.1 and 6.3',
  ],
  [/more than one Transfer-Encoding/, 'ambiguous: proxies differ in how they join them'],
  [
    /size of a chunk has too many digits/,
    'leading zeros without end would be a way to keep a connection busy',
  ],
  [/extensions of a chunk are malformed/, 'control characters in quotes'],
  [/empty lines instead of a request/, 'one empty line before a request is in the RFC, any number is not'],
  [
    /control character|whitespace|field line/,
    'skipped by Node in a reason phrase, in trailers or before a request',
  ],
  [/status line/, 'statuses below 100, versions other than 1.0 and 1.1'],
  [/505|only HTTP\/1\.1 and HTTP\/1\.0/, 'versions below 1.0'],
  [/request line/, 'spaces that Node skips'],
  [/ends with CR or LF instead of CRLF/, 'bare LF before a request'],
  [/no Host/, 'RFC 9112, section 3.2'],
  [/cannot be trailers/, 'RFC 9110, section 6.5.1; Node treats Connection as if it were in the head'],
  [/both Transfer-Encoding and Content-Length/, 'RFC 9112, section 6.1; Node ignores some codings'],
  [/longer than 2\^53|not a number/, 'lengths beyond what JavaScript can count'],
]

function compare(text: string, ours: Reading, node: NodeReading, refused: Set<string>): void {
  const shown = JSON.stringify(text)
  expect(node.messages.slice(0, ours.messages.length), shown).toEqual(ours.messages)
  if (ours.error === undefined && ours.partial) {
    // Ours parses a head once it is complete.
    if (ours.open !== undefined && node.error === undefined) expect(node.open, shown).toBe(ours.open)
  } else if (ours.error === undefined) {
    // Node reports bytes after the last request; ours ignores them.
    expect(
      ours.closed && node.error === 'HPE_CLOSED_CONNECTION' ? undefined : node.error,
      shown,
    ).toBeUndefined()
    expect(node.messages.length, shown).toBe(ours.messages.length)
    expect(node.open, shown).toBe(ours.open)
  } else if (node.error === undefined && node.messages.length > ours.messages.length) {
    refused.add(ours.error.message)
  }
}

test(`${COUNT} generated streams of requests are accepted only if Node reads them alike`, {
  timeout: TIMEOUT,
}, async () => {
  const random = randomFrom(`requests${SEED}`)
  const refused = new Set<string>()
  let taken = 0
  for (let done = 0; done < COUNT; done += BATCH) {
    const texts = Array.from({ length: BATCH }, () => generateRequests(random))
    const node = await readRequestsWithNode(texts)
    for (const [i, text] of texts.entries()) {
      const ours = readRequests(text)
      if (i % BYTES === 0) expect(readRequests(text, byteByByte), JSON.stringify(text)).toEqual(ours)
      compare(text, ours, node[i] as NodeReading, refused)
      if (ours.error === undefined) taken++
    }
  }
  expect(taken / COUNT).toBeGreaterThan(0.2)
  expect([...refused].filter((message) => !STRICTER.some(([words]) => words.test(message)))).toEqual([])
})

test(`${COUNT} generated responses are accepted only if Node reads them alike`, {
  timeout: TIMEOUT,
}, async () => {
  const random = randomFrom(`responses${SEED}`)
  const refused = new Set<string>()
  let taken = 0
  for (let done = 0; done < COUNT; done += BATCH) {
    const cases = Array.from({ length: BATCH }, () => ({
      text: generateResponse(random),
      toHead: random.chance(0.1),
    }))
    const node = await readResponsesWithNode(cases)
    for (const [i, { text, toHead }] of cases.entries()) {
      const ours = readResponses(text, toHead)
      if (i % BYTES === 0) expect(readResponses(text, toHead, byteByByte), JSON.stringify(text)).toEqual(ours)
      if (ours.messages.length > 0) {
        taken++
        expect(node[i]?.messages, JSON.stringify(text)).toEqual(ours.messages)
      } else if (ours.error && node[i]?.messages.length === 1) refused.add(ours.error.message)
    }
  }
  expect(taken / COUNT).toBeGreaterThan(0.2)
  expect([...refused].filter((message) => !STRICTER.some(([words]) => words.test(message)))).toEqual([])
})
