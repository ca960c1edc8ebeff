import { isIssuerUrl } from '../../auth/providers/oidc/http.js'
import { CLAIMS } from '../../auth/providers/oidc/options.js'
import { parseTrust, type Trust } from '../../auth/providers/oidc/trust.js'
import { OWNER_TTL } from '../../auth/providers/tokens/records.js'
import { errors } from '../messages.js'
import { type Declaration, group, list, optional, toggle, withDefault } from './declaration.js'
import { path, positive } from './parsers.js'

const DAY = 86_400_000

/** Logins through an OpenID Connect issuer, for people and programs. */
export const oidc = group(
  'OpenID Connect',
  {
    oidcIssuer: optional(
      { argument: 'url', help: 'issuer where people log in, exactly as in its “issuer” metadata' },
      issuer,
    ),
    oidcClientId: optional({ argument: 'id', help: 'client ID that htgate is registered under' }, notEmpty),
    oidcClientSecretFile: optional(
      {
        argument: 'path',
        help: 'file with the client secret on its first line',
        defaultText: 'public client, PKCE only',
      },
      path,
    ),
    oidcRedirectUrl: optional(
      {
        argument: 'url',
        help: 'redirect URL, as registered with the issuer',
        defaultText: '/.htgate/callback on the host that the browser requested',
      },
      redirectUrl,
    ),
    oidcScope: withDefault(
      {
        argument: 'scopes',
        help: 'scopes to request, separated by spaces',
        default: 'openid profile',
      },
      notEmpty,
    ),
    oidcUserClaim: withDefault(
      { argument: 'claim', help: 'claim with the user’s name', default: CLAIMS.user },
      notEmpty,
    ),
    oidcGroupsClaim: withDefault(
      {
        argument: 'claim',
        help: 'claim with the user’s groups; dots reach into objects: realm_access.roles',
        default: CLAIMS.groups,
      },
      notEmpty,
    ),
    oidcAudience: list(
      {
        argument: 'text',
        help: 'accept the issuer’s bearer tokens for this audience; repeatable',
        defaultText: 'no bearer tokens',
      },
      notEmpty,
    ),
    oidcAllowedClient: list(
      {
        argument: 'id',
        help: 'accept only bearer tokens issued to this client (azp, client_id); repeatable',
        defaultText: 'any client',
      },
      notEmpty,
    ),
    oidcTrust: trusts({
      argument: 'rules',
      help: 'accept bearer tokens of another issuer, such as GitHub Actions, that meet rules separated by commas: issuer=URL, audience=TEXT, claim=NAME:VALUE (several must all match), user=CLAIM, groups=CLAIM, role=read, write or admin; repeatable',
    }),
    oidcCa: optional(
      {
        argument: 'path',
        help: 'certificates (PEM) to trust for issuers',
        defaultText: 'those that Node trusts',
      },
      path,
    ),
    sessionSecretFile: optional(
      {
        argument: 'path',
        help: 'file with a secret of at least 32 characters per line: session cookies are encrypted with the first one and accepted with any; with or without sessions, the file keeps the time to reject unknown users the same in all replicas and after a restart',
      },
      path,
    ),
    sessionTtl: withDefault(
      {
        argument: 'time',
        help: 'how long a session lasts, such as 15m or 8h; opening a page renews it, without a prompt while the user is still logged in at the issuer',
        default: '1h',
      },
      duration,
    ),
    sessionScript: withDefault(
      {
        argument: 'state',
        help: 'with --app mlflow, whether to add a script to MLflow’s page that redirects to the login and back when the session has ended; without it, that happens when the next page is opened',
        choices: ['on', 'off'],
        default: 'on',
      },
      onOrOff,
    ),
  },
  (values, named) => {
    const needed = ['oidcClientId', 'sessionSecretFile'] as const
    const others = ['oidcClientSecretFile', 'oidcRedirectUrl', 'oidcAllowedClient', 'oidcAudience'] as const
    if (values.oidcIssuer !== undefined) {
      for (const key of needed)
        if (values[key] === undefined) throw errors.needs(named('oidcIssuer'), named(key))
      return
    }
    for (const key of ['oidcClientId', ...others] as const) {
      const value = values[key]
      if (value !== undefined && !(Array.isArray(value) && value.length === 0)) {
        throw errors.needs(named(key), named('oidcIssuer'))
      }
    }
  },
)

/** Logins with the gate's own tokens. */
export const tokens = group('Tokens', {
  tokenFile: optional(
    {
      argument: 'path',
      help: 'token file; htgate token and the page at /.htgate/ create tokens in it, so htgate needs write access',
    },
    path,
  ),
  tokenOwnerTtl: withDefault(
    {
      argument: 'days',
      help: 'how long an issuer’s user can use tokens after their last login there',
      default: String(OWNER_TTL / DAY),
      unit: 'days',
    },
    days,
  ),
})

/** Logins with client certificates. */
export const certificates = group(
  'Client certificates',
  {
    clientCa: optional(
      { argument: 'path', help: 'certificate authorities (PEM) to accept client certificates from' },
      path,
    ),
    clientCrl: optional(
      {
        argument: 'path',
        help: 'revocation lists (PEM) of these authorities and of all intermediate ones; reloaded when the file changes',
      },
      path,
    ),
    clientCertUser: withDefault(
      {
        argument: 'field',
        help: 'field with the user name, either the subject’s common name or the e-mail address in the alternative names',
        choices: ['cn', 'email'],
        default: 'cn',
      },
      notEmpty,
    ),
    clientCertRequired: toggle('reject connections without a client certificate, even with another login'),
  },
  (values, named) => {
    if (values.clientCa !== undefined) return
    for (const key of ['clientCrl', 'clientCertRequired'] as const) {
      if (values[key]) throw errors.needs(named(key), named('clientCa'))
    }
  },
)

function notEmpty(name: string, text: string): string {
  if (text.trim() === '') throw errors.badOption(name, text, 'a non-empty value')
  return text
}

function onOrOff(name: string, text: string): boolean {
  if (text !== 'on' && text !== 'off') throw errors.badOption(name, text, 'on or off')
  return text === 'on'
}

function issuer(name: string, text: string): string {
  if (!isIssuerUrl(text)) {
    throw errors.badUrl(name, text, 'an https URL (or http on this machine)')
  }
  return text
}

function redirectUrl(name: string, text: string): URL {
  if (!isIssuerUrl(text) || new URL(text).pathname === '/') {
    throw errors.badUrl(
      name,
      text,
      'an https URL with a path, such as https://mlflow.example.org/.htgate/callback',
    )
  }
  return new URL(text)
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const LONGEST = 30 * 86_400

/** A time, in milliseconds; a bare number means seconds. */
function duration(name: string, text: string): number {
  const [, number, unit = 's'] = /^(\d+)([smhd]?)$/.exec(text) ?? []
  const seconds = Number(number) * (UNITS[unit || 's'] as number)
  if (!(seconds > 0 && seconds <= LONGEST)) throw errors.badOption(name, text, 'a time from 1s to 30d')
  return seconds * 1000
}

/** Days, in milliseconds. */
function days(name: string, text: string): number {
  return positive(name, text) * DAY
}

/** Rules contain commas and may contain spaces, so in a variable each one starts at an `issuer=` after white space. */
function trusts(texts: { argument: string; help: string }): Declaration<readonly Trust[]> {
  return {
    ...texts,
    repeatable: true,
    read: (name, given) =>
      given
        .flatMap((text) => text.trim().split(/\s+(?=issuer=)/))
        .map((text) => {
          try {
            return parseTrust(text)
          } catch (error) {
            throw errors.option(`${name}: ${(error as Error).message}`)
          }
        }),
  }
}
