import type { UpstreamUrl } from '../../upstream/upstream.js'
import { errors } from '../messages.js'
import { upstreamMeant } from '../suggestions.js'
import { group, list, optional, toggle, withDefault } from './declaration.js'
import { headerName, hostName, path, seconds } from './parsers.js'

/** The guarded server. */
export const upstream = group(
  'Upstream',
  {
    upstream: optional(
      {
        short: '-u',
        argument: 'url',
        help: 'server to guard: http://HOST:PORT, https://HOST:PORT or unix:/PATH; a path in the URL is prepended to that of each request',
      },
      upstreamUrl,
    ),
    upstreamHost: optional(
      {
        argument: 'name',
        help: 'Host header to send to the upstream',
        defaultText: 'localhost and the upstream’s port with --app mlflow, the client’s Host with --app none',
      },
      hostName,
    ),
    upstreamCa: optional(
      {
        argument: 'path',
        help: 'certificates (PEM) to trust for an https upstream',
        defaultText: 'those that Node trusts',
      },
      path,
    ),
    upstreamTimeout: withDefault(
      {
        argument: 'seconds',
        help: 'how long the upstream may take to start its response; after that, the client gets 504',
        default: '360',
        unit: 's',
      },
      seconds,
    ),
    removeHeader: list(
      {
        argument: 'name',
        help: 'another header to remove from requests, in any spelling; NAME-* removes all that start with NAME-',
        defaultText: 'only those in docs/headers.md',
      },
      headerName,
    ),
    startTimeout: withDefault(
      {
        argument: 'seconds',
        help: 'how long a command after -- may take to start responding',
        default: '120',
        unit: 's',
      },
      seconds,
    ),
    forwardAuth: toggle(
      'decide for other proxies instead of guarding an upstream: 200 with X-Forwarded-User, or a refusal (nginx auth_request, Caddy forward_auth, Traefik ForwardAuth, Envoy ext_authz)',
    ),
  },
  ({ upstream, upstreamCa, forwardAuth }, named) => {
    if (upstream === undefined && !forwardAuth) {
      throw errors.missing('--upstream', 'the server to guard (or a command after --, or --forward-auth)')
    }
    if (upstream !== undefined && forwardAuth) throw errors.conflict(named('upstream'), named('forwardAuth'))
    if (upstreamCa !== undefined && !upstream?.origin.startsWith('https:')) {
      throw errors.needs(named('upstreamCa'), 'an https upstream')
    }
  },
)

function upstreamUrl(name: string, text: string): UpstreamUrl {
  const bad = () =>
    errors.badUrl(name, text, 'http://HOST:PORT, https://HOST:PORT or unix:/PATH', upstreamMeant(text))
  if (text.startsWith('unix:/')) {
    return { text, origin: 'http://localhost', prefix: '', socketPath: text.slice('unix:'.length) }
  }
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) throw bad()
  const { origin, pathname, search, hash, username, password } = new URL(text)
  if (search || hash || username || password) throw bad()
  return { text, origin, prefix: pathname.replace(/\/+$/, ''), socketPath: undefined }
}
