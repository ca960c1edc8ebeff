import { OPTIONS as DECLARED } from '../../dist/htgate/options/index.js'

/** The options of --help, as the manual pages and completions want them. */
export const OPTIONS = DECLARED.map(({ flags, argument, help, choices, defaultText }) => ({
  flag: flags,
  argument,
  choices,
  text:
    sentence(choices === undefined ? help : `${help}: ${choices.join(', ')}`) +
    (defaultText === undefined ? '' : ` Default: ${defaultText}.`),
}))

/** htgate(1); the texts on options are those of --help. */
export const page = {
  name: 'htgate',
  section: 1,
  summary: 'a login in front of a server that has none',
  synopsis: [
    'htgate --file passwordfile --upstream url [--listen address] [options]',
    'htgate --file passwordfile --forward-auth [--listen address] [options]',
    'htgate --ldap-url url --upstream url [--listen address] [options]',
    'htgate --check [--user name] options',
  ],
  sections: [
    {
      title: 'Description',
      paragraphs: [
        'htgate is a reverse proxy that asks for a user and a password (HTTP Basic, RFC 7617) and lets in users with a record in the password file. It guards servers that have no login of their own, MLflow tracking servers first of all.',
        'Verified credentials are cached, so that a strong, slow hash costs nothing after the first request. A changed or deleted record takes effect within a second, for open connections too.',
        'The server behind it learns the user’s name from X-Forwarded-User, and never sees a password. With --forward-auth, htgate guards no server itself but answers nginx, Caddy, Traefik or Envoy, which ask it about each request.',
      ],
    },
    { title: 'Options', options: OPTIONS },
    {
      title: 'LDAP',
      paragraphs: [
        'With --ldap-url, users are those of a directory: htgate searches for the entry whose attribute is the user’s name, and binds as that entry with the user’s password, each on a connection of its own. Groups are those of the memberOf attribute, or with --ldap-group-base those that are found; their names are their cn.',
        'The URL is that of RFC 4516, read as Apache reads AuthLDAPURL: ldaps://host:port/base?attribute?scope?filter, with uid, sub and (objectClass=*) by default. Several hosts are separated by spaces. ldap:// to another machine is refused without --ldap-starttls.',
        'A login is remembered for --ldap-ttl, and while it is in use, verified again in the background after half of that time. While the directory does not answer, new logins get 503, and remembered ones last until their time is over.',
        'With --file and --ldap-url, they are asked in the order of the command line; a name that the first knows is not asked of the second.',
      ],
    },
    {
      title: 'Environment',
      paragraphs: [
        'Each option is also an environment variable: --tls-cert is HTGATE_TLS_CERT. Separate several values of a repeatable option by spaces. The command line takes precedence.',
      ],
    },
    {
      title: 'Signals',
      options: [
        {
          flag: 'SIGTERM, SIGINT',
          text: 'Stop accepting connections, finish requests in progress and exit. A second one exits at once.',
        },
        { flag: 'SIGHUP', text: 'Reload the password file, the group file and the certificate.' },
      ],
    },
    {
      title: 'Exit status',
      options: [
        { flag: '0', text: 'Stopped by a signal; with --check, everything works.' },
        {
          flag: '1',
          text: 'A file, a certificate or an address cannot be used; with --check, something does not work.',
        },
        { flag: '2', text: 'Invalid command line or environment.' },
      ],
    },
    {
      title: 'Examples',
      examples: [
        [
          'An MLflow server with a login:',
          'htpasswd -cB -C 10 .htpasswd alice\nhtgate --file .htpasswd --upstream http://127.0.0.1:5000 --listen 127.0.0.1:8080',
        ],
        [
          'Users and groups of a directory, tried out and then served:',
          'set -- --upstream http://127.0.0.1:5000 --ldap-url ldaps://ldap.example.org/ou=people,dc=example,dc=org \\\n  --ldap-bind-dn cn=htgate,dc=example,dc=org --ldap-bind-password-file /run/secrets/ldap --writers group:ml-team\nhtgate --check --user alice "$@"\nhtgate "$@"',
        ],
        [
          'The decision for a fleet of proxies:',
          'htgate --file .htpasswd --forward-auth --listen 127.0.0.1:9090 --trust-proxy loopback',
        ],
      ],
    },
    { title: 'See also', paragraphs: ['htpasswd(1), htpasswd(5)'] },
  ],
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`
}
