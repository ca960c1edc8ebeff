import { OPTIONS as DECLARED } from '../../dist/htgate/options/index.js'

/** The options of --help, in the form that manual pages and completions use. */
export const OPTIONS = DECLARED.map(({ flags, argument, help, choices, defaultText }) => ({
  flag: flags,
  argument,
  choices,
  text:
    sentence(choices === undefined ? help : `${help}: ${choices.join(', ')}`) +
    (defaultText === undefined ? '' : ` Default: ${defaultText}.`),
}))

/** htgate(1). The options have the texts of --help. */
export const page = {
  name: 'htgate',
  section: 1,
  summary: 'puts a login in front of a server without one',
  synopsis: [
    'htgate --file passwordfile [--listen address] [options] -- command',
    'htgate --file passwordfile --upstream url [--listen address] [options]',
    'htgate --file passwordfile --forward-auth [--listen address] [options]',
    'htgate --ldap-url url --upstream url [--listen address] [options]',
    'htgate --check [--user name] options',
    'htgate token create|list|revoke [options]',
  ],
  sections: [
    {
      title: 'Description',
      paragraphs: [
        'htgate is a reverse proxy that authenticates users before it forwards their requests. It guards servers without a login of their own, above all MLflow tracking servers. Users log in with a password (HTTP Basic, RFC 7617) from a password file or an LDAP directory, with OpenID Connect, with a token or with a client certificate.',
        'Verified credentials are cached, so a strong, slow hash costs nothing after the first request. A changed or deleted record takes effect within a second, for open connections too.',
        'The server behind htgate gets the user’s name in X-Forwarded-User, and never sees a password. With --forward-auth, htgate forwards nothing: nginx, Caddy, Traefik or Envoy ask it about each request.',
      ],
    },
    { title: 'Options', options: OPTIONS },
    {
      title: 'LDAP',
      paragraphs: [
        'With --ldap-url, users come from a directory: htgate searches for the entry with the user’s name, then binds as that entry with the user’s password, on a separate connection. Groups come from the memberOf attribute, or with --ldap-group-base from a search; a group’s name is its cn.',
        'The URL follows RFC 4516, interpreted like Apache’s AuthLDAPURL: ldaps://host:port/base?attribute?scope?filter, with uid, sub and (objectClass=*) as defaults. Separate several hosts by spaces. ldap:// to another machine is rejected without --ldap-starttls.',
        'A login is cached for --ldap-ttl; while it is in use, it is verified again in the background after half that time. While the directory does not respond, new logins get 503, and cached ones work until they expire.',
        'With both --file and --ldap-url, the one first on the command line is tried first; only users it does not know are looked up in the other.',
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
        {
          flag: 'SIGHUP',
          text: 'Reload the password file, the group file, tokens, session secrets and certificates.',
        },
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
        { flag: 'other', text: 'The status of a command after --, once it has exited.' },
      ],
    },
    {
      title: 'Examples',
      examples: [
        [
          'Start MLflow behind a login:',
          '(umask 077; htpasswd -cB -C 10 .htpasswd alice)\nhtgate --file .htpasswd --listen :8080 -- mlflow server --port {port}',
        ],
        [
          'Test users and groups from a directory, then serve:',
          'set -- --upstream http://127.0.0.1:5000 --ldap-url ldaps://ldap.example.org/ou=people,dc=example,dc=org \\\n  --ldap-bind-dn cn=htgate,dc=example,dc=org --ldap-bind-password-file /run/secrets/ldap --writers group:ml-team\nhtgate --check --user alice "$@"\nhtgate "$@"',
        ],
        [
          'Decide for other proxies:',
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
