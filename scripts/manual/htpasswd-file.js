import { schemes } from '../../dist/schemes/index.js'

const EXAMPLES = {
  bcrypt: '$2y$10$…, also $2a$ and $2b$. Written by -B.',
  'sha512-crypt': '$6$salt$… or $6$rounds=n$salt$…. Written by -5.',
  'sha256-crypt': '$5$salt$… or $5$rounds=n$salt$…. Written by -2.',
  apr1: '$apr1$salt$…, Apache’s MD5. Written by -m.',
  'md5-crypt': '$1$salt$…. Read only.',
  ssha: '{SSHA}…, nginx’s salted SHA-1. Read only.',
  sha1: '{SHA}…, SHA-1 without a salt. Written by -s.',
  'des-crypt': '13 characters, two of them the salt. Written by -d.',
  plain: '{PLAIN}password, nginx’s. Read only. What -p writes has no mark, and never verifies.',
}

/** htpasswd(5): the format of the file. */
export const page = {
  name: 'htpasswd',
  section: 5,
  summary: 'the password file of web servers and of htgate',
  sections: [
    {
      title: 'Description',
      paragraphs: [
        'A password file holds one record a line: a user, a colon, and a hash. A second colon and what follows it are passed over by servers. Blank lines, and lines whose first character is #, are comments. White space before a user does not count. A user can contain no colon, and servers take the first record of several.',
        'The file is bytes; names are UTF-8 as a rule. Passwords are hashed as the bytes that a client sends, which is UTF-8 where the server says so (RFC 7617).',
        'Whoever may read the file may guess at its passwords: give it mode 640, and the group of the server that reads it.',
      ],
    },
    {
      title: 'Schemes',
      paragraphs: ['The strongest first. Choose bcrypt with a cost of 10 or more.'],
      options: schemes.map(({ name, strength }) => ({
        flag: name,
        text: `${EXAMPLES[name]} ${capital(strength)}.`,
      })),
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

function capital(word) {
  return word[0].toUpperCase() + word.slice(1)
}
