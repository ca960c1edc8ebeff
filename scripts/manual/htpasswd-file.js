import { FLAGS } from '../../dist/htpasswd/algorithm.js'
import { schemes } from '../../dist/schemes/index.js'

/** htpasswd(5): the format of the file. */
export const page = {
  name: 'htpasswd',
  section: 5,
  summary: 'password file of web servers and htgate',
  sections: [
    {
      title: 'Description',
      paragraphs: [
        'A password file holds one record per line: user, colon, hash. Servers ignore a second colon and everything after it, blank lines, and lines that start with #. Most ignore white space before a user. A user name cannot contain a colon. If a user has several records, servers use the first.',
        'The file has no encoding of its own; names are usually UTF-8. Passwords are hashed as the bytes that the client sends, which are UTF-8 if the server asks for it (RFC 7617).',
        'Anyone who can read the file can try to crack its passwords offline: set its mode to 640 and its group to that of the server that reads it.',
      ],
    },
    {
      title: 'Schemes',
      paragraphs: ['From strongest to weakest.'],
      options: schemes.map((scheme) => ({ flag: scheme.name, text: aboutScheme(scheme) })),
    },
    {
      title: 'Example',
      paragraphs: ['Two users and a comment:'],
      examples: [
        [
          '',
          '# the platform team\nalice:$2y$10$QGx77ML87.2P/KB8iMDfB.ID/1dYEdtUj6OswBurwnAPgFbTfM55S\nbob:$apr1$tU1CgHNz$zWl170fSlwo7YmbS/wVDt/',
        ],
      ],
    },
    { title: 'See also', paragraphs: ['htpasswd(1), htgate(1)'] },
  ],
}

function aboutScheme(scheme) {
  const { format, strength, work, maxPasswordBytes, passwords } = scheme
  const flag = flagOf(scheme)
  return [
    format,
    capital(strength),
    ...(flag ? [`Written by ${flag}`] : scheme.hash ? [] : ['Verified only']),
    ...(work ? [`${capital(work.name)} ${rangeOf(work)}; ${work.recommended} or more recommended`] : []),
    ...(maxPasswordBytes ? [`Uses only the first ${maxPasswordBytes} bytes of a password`] : []),
    ...(passwords === 'text' ? ['Passwords must be UTF-8'] : []),
  ]
    .map((sentence) => `${sentence}.`)
    .join(' ')
}

/** The option of htpasswd that selects the scheme, if there is one. */
export function flagOf({ name }) {
  const letter = Object.keys(FLAGS).find((letter) => FLAGS[letter] === name)
  return letter && `-${letter}`
}

export function rangeOf({ min, max }) {
  return `${count(min)} to ${count(max)}`
}

export function count(number) {
  return number.toLocaleString('en-US')
}

function capital(word) {
  return word[0].toUpperCase() + word.slice(1)
}
