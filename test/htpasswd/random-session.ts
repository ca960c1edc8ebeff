import type { Random } from '../support/random.js'

// Random command lines of htpasswd with random input and folders, valid, invalid and anything between. Cases in the table of
// deviations are left out.

export interface Session {
  readonly args: readonly Buffer[]
  readonly input: Buffer
  readonly folder: readonly Item[]
  /** One of these is the password that the command reads, if it reads one. */
  readonly passwords: readonly Buffer[]
}

export type Item =
  | { readonly path: string; readonly content: Buffer; readonly mode: number }
  | { readonly path: string; readonly linkTo: string }
  | { readonly path: string; readonly mode: number }

export function randomSession(random: Random): Session {
  const { pick, chance } = random
  const intent = pick(['set', 'set', 'set', 'create', 'print', 'delete', 'verify', 'any'] as const)
  const { args: options, letters } = randomOptions(random, intent)

  const password = randomPassword(random, letters)
  const user = randomUser(random, letters)
  const operands = letters.includes('n') ? [user] : [bytes(randomFile(random)), user]
  const fromArguments = letters.lastIndexOf('b') > letters.lastIndexOf('i')
  if (fromArguments) operands.push(password)
  if (chance(0.03)) operands.pop()
  if (chance(0.02)) operands.push(bytes('more'))

  const fromInput = letters.includes('i') && !fromArguments
  const input = fromInput ? randomInput(random, password) : randomAnswers(random, password)
  return {
    args: [...options, ...operands],
    input,
    folder: randomFolder(random, letters),
    passwords: [operands.at(-1) as Buffer, upTo(input, fromInput ? /\r?\n$/ : /\n/)],
  }
}

const upTo = (input: Buffer, end: RegExp) => bytes(input.toString('latin1').split(end)[0] ?? '', 'latin1')

const bytes = (text: string, encoding: BufferEncoding = 'utf8') => Buffer.from(text, encoding)

const MODES = { set: '', create: 'c', print: 'n', delete: 'D', verify: 'v' }

function randomOptions(random: Random, intent: keyof typeof MODES | 'any') {
  const { pick, chance, number, shuffled } = random
  let letters: string[] = []
  if (intent === 'any') {
    for (let i = number(5); i > 0; i--) letters.push(pick([...'cnbimB25dspDvbx?é']))
    if (letters.filter((letter) => letter === 'n').length > 1) letters = ['n'] // -n twice is a deviation
  } else {
    letters.push(...MODES[intent])
    if (chance(0.7)) letters.push('b')
    if (chance(letters.includes('b') ? 0.05 : 0.6)) letters.push('i')
    for (let i = pick([0, 1, 1, 1, 2]); i > 0; i--) letters.push(pick([...'m25Bdsp']))
    if (chance(0.02)) letters.push(pick([...'cDvxé']))
  }
  letters = shuffled(letters)

  const args: string[] = []
  let cluster = ''
  const end = () => {
    if (cluster !== '') args.push(`-${cluster}`)
    cluster = ''
  }
  for (const letter of letters) {
    cluster += letter
    if (chance(0.3)) end()
  }
  for (let i = pick([0, 0, 1, 2]); i > 0; i--) {
    if (i === 2 && chance(0.8)) continue
    cluster += pick(['C', 'r'])
    const value = randomWork(random, letters)
    if (value !== '' && chance(0.5)) cluster += value
    else {
      end()
      args.push(value)
    }
    end()
  }
  end()
  if (chance(0.02)) args.push(pick(['-b-', '-s-b', '-']))
  if (chance(0.02)) args.push(pick(['-C', '-r', '-bC', '-Cr']))
  if (chance(0.1)) args.push('--')
  return { args: args.map((arg) => bytes(arg)), letters }
}

/** Nothing that takes minutes, and no rounds that SHA-crypt does not support, which is a deviation. */
function randomWork({ pick }: Random, letters: readonly string[]): string {
  const takesRounds = letters.includes('2') || letters.includes('5')
  const good = takesRounds
    ? ['1000', '1001', '5000', ' 2000', '+1234', '0001500', '4294968296']
    : ['4', '5', '6', '3', '18', '31', '1000', ' 5', '+6', '\t4', '05', '4294967301', '8589934592']
  const bad = ['', 'x', '0', '-1', '-', '5x', '0x10', '5 ', '1e3', '+', '--5', '١', '99999999999999999999']
  return pick([...good, ...good, ...bad.filter((text) => !takesRounds || !text.startsWith('9'))])
}

function randomFile({ pick }: Random): string {
  return pick([
    ...Array(14).fill('users'),
    './users',
    'folder/../users',
    'link',
    'chain',
    'dangling',
    'loop',
    'missing',
    'folder',
    'folder/',
    'folder/users',
    'nowhere/users',
    'users/',
    'users/x',
    'closed/users',
    'пользователи',
    'two words',
    '',
    '.',
    '-',
    'x'.repeat(200),
    'x'.repeat(256),
    'x/'.repeat(2100),
  ])
}

function randomUser({ pick, chance }: Random, letters: readonly string[]): Buffer {
  const writes = !letters.includes('D') && !letters.includes('v')
  if (chance(0.6)) return bytes(pick(['alice', 'bob', 'carol']))
  if (chance(0.1)) return bytes('jürgen', 'latin1')
  // Such a record would belong to another user, or to none: a deviation.
  if (!writes && chance(0.3)) return bytes(pick(['', ' alice', '#alice', '\talice', 'al\nice']))
  return bytes(
    pick([
      'Alice',
      'alice ',
      'two words',
      '用户',
      'jürgen',
      'γιάννης',
      '🗝',
      'al:ice',
      ':',
      '-alice',
      '--',
      '-',
      'a'.repeat(200),
      'a'.repeat(218),
      'a'.repeat(255),
      'a'.repeat(256),
      'é'.repeat(128),
      '$apr1$',
      '\'"\\%s',
    ]),
  )
}

function randomPassword({ pick, chance, number }: Random, letters: readonly string[]): Buffer {
  const anyBytes = !letters.includes('B') && !letters.includes('v') // Ours does not hash other encodings with bcrypt.
  if (chance(0.3)) return bytes('secret')
  if (anyBytes && chance(0.1)) return bytes('s\u00e9cr\u00ff', 'latin1')
  const text = pick([
    '',
    'Secret',
    'пароль',
    '密码',
    'رمز',
    'é',
    'e\u0301',
    '🗝🗝',
    ' secret ',
    'sec:ret',
    '-secret',
    '--',
    '\t',
    '\ufeff',
    '$1\'"\\',
    'secret\r',
    'secre',
    'secret12',
    'secret123',
    'a'.repeat(72),
    'я'.repeat(36),
    ...(letters.includes('p') ? [] : ['sec\nret', 'secret\n']),
    // bcrypt warns of more than 72 bytes: a deviation.
    ...(letters.includes('B')
      ? []
      : ['a'.repeat(73 + number(60)), 'б'.repeat(100), 'c'.repeat(253 + number(5))]),
  ])
  return bytes(text)
}

function randomInput({ pick }: Random, password: Buffer): Buffer {
  return Buffer.concat([password, bytes(pick(['', '\n', '\n', '\r\n']))])
}

function randomAnswers({ pick, chance }: Random, password: Buffer): Buffer {
  const again = chance(0.85) ? password : bytes(pick(['', 'other', 'secret ']))
  const end = pick(['\n', '\n', '\n', '', '\nmore\n'])
  return Buffer.concat(chance(0.95) ? [password, bytes('\n'), again, bytes(end)] : [])
}

// All are hashes of "secret".
const HASHES = [
  '$apr1$t0YUgJum$E5TvRryEB4wVoXIPK2BJ20',
  '$5$KvpZ5.YLa9uzCcoV$1BpEeb5JBQRQkhYqarwTGn0dSwXPll6jn8GLbbM8Ic8',
  '$5$rounds=1000$Us8wfiuuh1JuBeag$WAO5W4JXJnmYLE2os5auL6FpHRF9cpKBHxllqRtiRC4',
  '$5$rounds=1000$$Obg7IOH5MYGbPhIPrPkPleaehbt86.IKR69wHoi1R94',
  '$6$xyz$.93lutCQh7gdmqGUmc0pqsyIV6oV.yg/JdutjxPyVxVRhfQnlOaWqbPLlVr.r.CkGAEbx50p7atJLgFxm972z0',
  '$2y$05$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK',
  '$2a$05$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK',
  '$2b$05$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK',
  'wJlDSX/kBVCwU',
  '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
  '$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1',
  '$1$ab$dslkcXxVH.x8LwW1W/oAB/',
]

const NO_HASHES = [
  'secret',
  '',
  'x',
  '*',
  '!',
  '*0',
  '$apr1$',
  '$apr1$salt',
  '$apr1$saltsaltsalt$E5TvRryEB4wVoXIPK2BJ20',
  '$apr1$t0YUgJum$E5TvRryEB4wVoXIPK2BJ2',
  '$1$',
  '$2y$',
  '$2y$05$',
  '$2y$5$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK',
  '$2y$03$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK',
  '$2y$32$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK',
  '$2a$05$jQ65Zuibp.en2bIyfN85euUEqxkK',
  '$2a$05$jQ65Zuibp.en2bIyfN85e',
  '$2y$05$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKKx',
  '$2$05$jQ65Zuibp.en2bIyfN85euUEqxkK..aniGxZTZyEvL8POWaNhMpKK',
  '$5$',
  '$5$rounds=999$Us8wfiuuh1JuBeag$WAO5W4JXJnmYLE2os5auL6FpHRF9cpKBHxllqRtiRC4',
  '$5$rounds=01000$Us8wfiuuh1JuBeag$WAO5W4JXJnmYLE2os5auL6FpHRF9cpKBHxllqRtiRC4',
  '$6$rounds=x$salt$hash',
  '{SHA}',
  '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ',
  '{sha}5en6G6MezRroT3XKqkdPOmY/BfQ=',
  'wJlDSX/kBVCwUx',
  'wJlDSX/kBVCw',
  '\u00e9\u00e9\u00e9\u00e9',
]

/** nginx's schemes, which ours can verify: a deviation. */
const NGINX_HASHES = ['{PLAIN}secret', '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0', '{SSHA}', '{PLAIN}']

function randomContent({ pick, chance, number }: Random, letters: readonly string[]): Buffer {
  const hashes = [...HASHES, ...HASHES, ...HASHES, ...NO_HASHES]
  if (!letters.includes('v')) hashes.push(...NGINX_HASHES)
  const lines: Buffer[] = []
  const end = chance(0.15) ? '\r\n' : '\n'
  for (let i = number(7); i > 0; i--) {
    const user = pick(['alice', 'alice', 'bob', 'jürgen', '', '用户', '-', 'alice ', 'Alice', 'two words'])
    const record = `${chance(0.1) ? pick([' ', '\t', ' \v\f ']) : ''}${user}:${pick(hashes)}`
    const line = pick([
      ...Array(12).fill(record),
      `${record}:more:fields`,
      `${record} `,
      '# staff',
      ' # alice:x',
      '#alice:x',
      '',
      '  \t',
      ...(chance(0.2) ? ['no colon', `${user}`] : []),
    ])
    lines.push(bytes(line + end, chance(0.1) ? 'latin1' : 'utf8'))
  }
  const content = Buffer.concat(lines)
  // A last line without a newline is a deviation when a record is added.
  const mayEndOpenly = letters.includes('v') || letters.includes('D')
  return mayEndOpenly && chance(0.2) ? content.subarray(0, -1) : content
}

function randomFolder(random: Random, letters: readonly string[]): Item[] {
  const { pick, chance } = random
  const items: Item[] = [
    { path: 'folder', mode: 0o755 },
    { path: 'link', linkTo: 'users' },
    { path: 'chain', linkTo: './link' },
    { path: 'dangling', linkTo: 'folder/target' },
    { path: 'loop', linkTo: 'loop' },
    { path: 'closed', mode: 0o555 },
  ]
  if (chance(0.8)) {
    const mode = pick([0o644, 0o644, 0o644, 0o640, 0o600, 0o664, 0o400, 0o200, 0o000])
    items.push({ path: 'users', content: randomContent(random, letters), mode })
  }
  return items
}
