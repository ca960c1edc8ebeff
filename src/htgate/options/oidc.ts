import { isSafe } from '../../auth/providers/oidc/http.js'
import { parseTrust, type Trust } from '../../auth/providers/oidc/trust.js'
import { errors } from '../messages.js'
import { type Declaration, group, list, optional, toggle, withDefault } from './declaration.js'
import { path, positive } from './parsers.js'

/** Logins by an issuer, for people and programs. */
export const oidc = group(
  'OpenID Connect',
  {
    oidcIssuer: optional(
      { argument: 'url', help: 'issuer where people log in, exactly as it calls itself' },
      issuer,
    ),
    oidcClientId: optional({ argument: 'id', help: 'the client that htgate is registered as' }, notEmpty),
    oidcClientSecretFile: optional(
      {
        argument: 'path',
        help: 'file whose first line is the client’s secret',
        defaultText: 'a public client, with PKCE alone',
      },
      path,
    ),
    oidcRedirectUrl: optional(
      {
        argument: 'url',
        help: 'where the issuer sends browsers back to, as registered there',
        defaultText: '/.htgate/callback on the host that the browser asked for',
      },
      redirectUrl,
    ),
    oidcScope: withDefault(
      {
        argument: 'scopes',
        help: 'what to ask the issuer for, separated by spaces',
        default: 'openid profile',
      },
      notEmpty,
    ),
    oidcUserClaim: withDefault(
      { argument: 'claim', help: 'claim that names the user', default: 'preferred_username' },
      notEmpty,
    ),
    oidcGroupsClaim: withDefault(
      {
        argument: 'claim',
        help: 'claim that lists the groups; dots lead into objects: realm_access.roles',
        default: 'groups',
      },
      notEmpty,
    ),
    oidcAudience: list(
      {
        argument: 'text',
        help: 'audience of bearer tokens to accept from the issuer; may be given several times',
        defaultText: 'accept no bearer tokens',
      },
      notEmpty,
    ),
    oidcAllowedClient: list(
      {
        argument: 'id',
        help: 'accept only bearer tokens issued to this client (azp, client_id); may be given several times',
        defaultText: 'any client',
      },
      notEmpty,
    ),
    oidcTrust: trusts({
      argument: 'rules',
      help: 'accept bearer tokens of another issuer, such as GitHub Actions, by rules separated by commas: issuer=URL, audience=TEXT, claim=NAME:VALUE (repeatable; all must match), user=CLAIM, groups=CLAIM, role=read, write or admin; may be given several times',
    }),
    oidcCa: optional(
      { argument: 'path', help: 'certificates (PEM) to trust for issuers', defaultText: 'those of Node' },
      path,
    ),
    sessionSecretFile: optional(
      {
        argument: 'path',
        help: 'file with a secret of at least 32 characters per line: the first seals session cookies, all of them open these; with or without sessions, unknown users then take the same time to refuse in all replicas and after a restart',
      },
      path,
    ),
    sessionTtl: withDefault(
      {
        argument: 'time',
        help: 'how long a session lasts, such as 15m or 8h; opening a page renews it, silently where the issuer still knows the user',
        default: '1h',
      },
      duration,
    ),
    sessionScript: withDefault(
      {
        argument: 'state',
        help: 'with --app mlflow, add a script to MLflow’s page that leads to the login and back when the session has ended; off leaves that to the next page that is opened',
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

/** Logins by tokens of the gate's own. */
export const tokens = group('Tokens', {
  tokenFile: optional(
    {
      argument: 'path',
      help: 'file of tokens, which htgate token and users’ own page make; htgate needs write access to it',
    },
    path,
  ),
  tokenOwnerTtl: withDefault(
    {
      argument: 'days',
      help: 'how long tokens of a user of the issuer work after the user’s last login there',
      default: '30',
      unit: 'days',
    },
    days,
  ),
})

/** Logins by client certificates. */
export const certificates = group(
  'Client certificates',
  {
    clientCa: optional(
      { argument: 'path', help: 'authorities (PEM) whose client certificates are accepted' },
      path,
    ),
    clientCrl: optional(
      { argument: 'path', help: 'revocation list (PEM) of these authorities; read again when it changes' },
      path,
    ),
    clientCertUser: withDefault(
      {
        argument: 'field',
        help: 'what names the user: the subject’s common name, or the e-mail address among its alternative names',
        choices: ['cn', 'email'],
        default: 'cn',
      },
      notEmpty,
    ),
    clientCertRequired: toggle(
      'refuse connections without a client certificate, whatever other login they have',
    ),
  },
  (values, named) => {
    if (values.clientCa !== undefined) return
    for (const key of ['clientCrl', 'clientCertRequired'] as const) {
      if (values[key]) throw errors.needs(named(key), named('clientCa'))
    }
  },
)

function notEmpty(name: string, text: string): string {
  if (text.trim() === '') throw errors.badOption(name, text, 'a text')
  return text
}

function onOrOff(name: string, text: string): boolean {
  if (text !== 'on' && text !== 'off') throw errors.badOption(name, text, 'on or off')
  return text === 'on'
}

function issuer(name: string, text: string): string {
  if (!URL.canParse(text) || !isSafe(new URL(text)) || /[?#]/.test(text)) {
    throw errors.badOption(name, text, 'an https URL (or http on this machine)')
  }
  return text
}

function redirectUrl(name: string, text: string): URL {
  if (!URL.canParse(text) || !isSafe(new URL(text)) || /[?#]/.test(text) || new URL(text).pathname === '/') {
    throw errors.badOption(
      name,
      text,
      'an https URL with a path, such as https://mlflow.example.org/.htgate/callback',
    )
  }
  return new URL(text)
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const LONGEST = 30 * 86_400

/** A time as milliseconds; a number alone is seconds. */
function duration(name: string, text: string): number {
  const [, number, unit = 's'] = /^(\d+)([smhd]?)$/.exec(text) ?? []
  const seconds = Number(number) * (UNITS[unit || 's'] as number)
  if (!(seconds > 0 && seconds <= LONGEST)) throw errors.badOption(name, text, 'a time from 1s to 30d')
  return seconds * 1000
}

/** Days as milliseconds. */
function days(name: string, text: string): number {
  return positive(name, text) * 86_400_000
}

/** The rules hold commas and may hold spaces: a variable separates several by white space before `issuer=`. */
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
