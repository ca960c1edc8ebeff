import { SHORT_OPTIONS, TASK_OPTIONS, TASKS } from '../../dist/htpasswd/manual.js'

/** htpasswd(1). The options have the texts of --help. */
export const page = {
  name: 'htpasswd',
  section: 1,
  summary: 'manage password files for HTTP Basic authentication',
  synopsis: [
    'htpasswd [-cimB25dpsDv] [-C cost] [-r rounds] passwordfile username',
    'htpasswd -b[cmB25dpsDv] [-C cost] [-r rounds] passwordfile username password',
    'htpasswd -n[imB25dps] [-C cost] [-r rounds] username',
    'htpasswd -nb[mB25dps] [-C cost] [-r rounds] username password',
    ...TASKS.map(({ flag, argument }) => `htpasswd ${flag}${argument ? ` ${argument}` : ''}`),
  ],
  sections: [
    {
      title: 'Description',
      paragraphs: [
        "htpasswd creates and edits the password files of web servers. It takes the command lines of Apache's htpasswd, and behaves alike; docs/deviations.md lists the differences, most of which prevent the loss of records.",
        'Without -b or -i, htpasswd asks for the password at the terminal: twice, or once with -v. Options can be combined in one argument; if several choose an algorithm, the last one wins. Options end at the first operand.',
        'The file is locked while it is edited, and replaced atomically: readers see either the old file or the new one. An edit leaves all other lines unchanged, byte for byte.',
      ],
    },
    { title: 'Options', options: SHORT_OPTIONS },
    {
      title: 'Many users, and whole files',
      paragraphs: [
        'These commands take no user name. FILE defaults to standard input, as does -. Its lines are user:password, as for chpasswd(8); blank lines and comments are skipped. The file is locked and written once: all changes are made, or none.',
      ],
      options: [...TASKS, ...TASK_OPTIONS],
    },
    {
      title: 'Exit status',
      options: [
        { flag: '0', text: 'Success. -D succeeds even if the user does not exist.' },
        { flag: '1', text: 'A file could not be read or written; or --audit or --upgrade found something.' },
        { flag: '2', text: 'Invalid command line.' },
        {
          flag: '3',
          text: 'A password is wrong, or the two typed passwords differ; or the cost is out of range.',
        },
        { flag: '5', text: 'A user, a password, a file name or a record is too long.' },
        { flag: '6', text: 'No such user (-v, --remove --strict), or an invalid user name.' },
        {
          flag: '7',
          text: 'The file is not a password file, or the input of --import, --remove or --verify-all has invalid lines.',
        },
        {
          flag: '9',
          text: 'The password cannot be verified, for example because the scheme is not supported.',
        },
        { flag: '130', text: 'Ctrl-C at a prompt; nothing was written.' },
      ],
    },
    {
      title: 'Examples',
      examples: [
        [
          'Create a file with its first user, readable by its owner only, with bcrypt at a good cost:',
          '(umask 077; htpasswd -cB -C 10 .htpasswd alice)',
        ],
        [
          'Add a user in a script, with the password on standard input:',
          'printf %s "$PASSWORD" | htpasswd -iB -C 10 .htpasswd bob',
        ],
        ['Verify a password in CI:', 'htpasswd -vb .htpasswd alice "$PASSWORD"'],
        ['Import a list of users:', 'htpasswd --import -B -C 10 users.txt .htpasswd'],
        ['Find weak records:', 'htpasswd --audit --minimum bcrypt:10 .htpasswd'],
      ],
    },
    { title: 'See also', paragraphs: ['htgate(1), htpasswd(5)'] },
  ],
}
