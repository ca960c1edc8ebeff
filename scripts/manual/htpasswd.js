import { SHORT_OPTIONS, TASK_OPTIONS, TASKS } from '../../dist/htpasswd/manual.js'

/** htpasswd(1); the texts on options are those of --help. */
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
        "htpasswd creates and edits the files in which web servers look up users and passwords. It takes the command lines of Apache's htpasswd and answers as that does; what it does otherwise, so that no record is lost, its README lists.",
        'Without -b, -i or -n the password is asked for twice at the terminal; with -v, once. Several options may stand in one argument; of several algorithms the last one counts. Options end at the first operand.',
        'The file is locked while it is edited, and replaced at once: readers see the old file or the new one. Every line that an edit does not concern stays as it is, to the byte.',
      ],
    },
    { title: 'Options', options: SHORT_OPTIONS },
    {
      title: 'Many users, and whole files',
      paragraphs: [
        'These take the place of a user. FILE is standard input if it is left out or -. Lines are user:password, as chpasswd(8) has them; blank ones are passed over. One lock and one write: all of it is done, or nothing.',
      ],
      options: [...TASKS, ...TASK_OPTIONS],
    },
    {
      title: 'Exit status',
      options: [
        { flag: '0', text: 'Done. A user whom -D does not find counts as deleted.' },
        { flag: '1', text: 'A file could not be read or written; or --audit or --upgrade found something.' },
        { flag: '2', text: 'The command line makes no sense.' },
        {
          flag: '3',
          text: 'A password is wrong, or the two that were typed differ; or a cost is out of range.',
        },
        { flag: '5', text: 'A user, a password, a file name or a record is too long.' },
        { flag: '6', text: 'No such user (-v), or no record can be written for that name.' },
        {
          flag: '7',
          text: 'The file is not a password file, or the input of --import, --remove or --verify-all has bad lines.',
        },
        { flag: '9', text: 'A bcrypt record that cannot be read.' },
        { flag: '130', text: 'Ctrl-C at a prompt; nothing was written.' },
      ],
    },
    {
      title: 'Examples',
      examples: [
        [
          'A new file, its first user, and bcrypt with a cost that is worth it:',
          'htpasswd -cB -C 10 .htpasswd alice',
        ],
        [
          'In a script, the password from standard input:',
          'printf %s "$PASSWORD" | htpasswd -iB -C 10 .htpasswd bob',
        ],
        ['In CI, whether credentials are right:', 'htpasswd -vb .htpasswd alice "$PASSWORD"'],
        ['Users from a list:', 'htpasswd --import -B -C 10 users.txt .htpasswd'],
        ['What is weak in a file:', 'htpasswd --audit --minimum bcrypt:10 .htpasswd'],
      ],
    },
    { title: 'See also', paragraphs: ['htgate(1), htpasswd(5)'] },
  ],
}
