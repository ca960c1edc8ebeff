import { parseOrigin } from '../../gate/cross-origin.js'
import { type Grant, parseGrant, splitGrants } from '../../policy/grants.js'
import { MlflowProfile } from '../../policy/mlflow.js'
import { none, type Profile } from '../../policy/profile.js'
import { errors } from '../messages.js'
import { type Declaration, group, list, optional, toggle, withDefault } from './declaration.js'
import { path } from './parsers.js'

const PROFILES: Readonly<Record<string, () => Profile>> = {
  mlflow: () => new MlflowProfile(),
  none: () => none,
}

const GRANT = 'group:NAME, user:NAME or *'

/** What users may do, and which application is behind the gate. */
export const authorization = group(
  'Authorization',
  {
    app: withDefault(
      {
        argument: 'name',
        help: 'application behind the gate: mlflow for MLflow’s routes, errors and clients; none for any other, where GET, HEAD and OPTIONS are reads and everything else is a write',
        choices: Object.keys(PROFILES),
        default: 'mlflow',
      },
      profile,
    ),
    groupFile: optional(
      {
        argument: 'path',
        help: 'group file for users of the password file, in the format of Apache’s AuthGroupFile',
        defaultText: 'no groups',
      },
      path,
    ),
    readers: grants(
      `who may read: ${GRANT}; repeatable. Once any of --readers, --writers or --admins is set, users without a role get 403`,
    ),
    writers: grants(`who may read and write: ${GRANT}; repeatable`),
    admins: grants(`who may do everything: ${GRANT}; repeatable`),
    openPaths: openPaths(),
    corsOrigins: corsOrigins(),
    gatewayIdentity: toggle(
      'also send X-Forwarded-User and the other X-Forwarded headers on /gateway/, where MLflow passes them on to the language model’s provider',
    ),
  },
  ({ groupFile, readers, writers, admins }, named) => {
    const grants = [...readers, ...writers, ...admins]
    if (groupFile !== undefined && grants.length === 0) {
      throw errors.needs(named('groupFile'), '--readers, --writers or --admins')
    }
  },
)

function profile(name: string, text: string): Profile {
  const make = Object.hasOwn(PROFILES, text) ? PROFILES[text] : undefined
  if (make === undefined) throw errors.badOption(name, text, `one of ${Object.keys(PROFILES).join(', ')}`)
  return make()
}

/** Names may contain spaces and commas, so only a space followed by another grant separates two grants. */
function grants(help: string): Declaration<readonly Grant[]> {
  return {
    argument: 'who',
    help,
    defaultText: 'none',
    repeatable: true,
    read: (name, given) =>
      given.flatMap(splitGrants).map((text) => {
        const grant = parseGrant(text)
        if (grant === undefined) throw errors.badOption(name, text, GRANT)
        return grant
      }),
  }
}

/** Undefined means the application's own open paths. */
function openPaths(): Declaration<readonly string[] | undefined> {
  const texts = {
    argument: 'paths',
    help: 'paths open to GET and HEAD without a login, each matched exactly; none requires a login for every path; repeatable',
    defaultText: '/health and /version with --app mlflow',
  }
  const { read, ...rest } = list(texts, (name, text) => {
    if (text !== 'none' && !/^\/[\w\-.~/]*$/.test(text)) {
      throw errors.badOption(name, text, 'a path such as /health, or none')
    }
    return text
  })
  return {
    ...rest,
    read: (name, given) =>
      given.length === 0 ? undefined : read(name, given).filter((path) => path !== 'none'),
  }
}

function corsOrigins(): Declaration<ReadonlySet<string>> {
  const texts = {
    argument: 'origins',
    help: 'origins that may send cross-origin requests, such as https://app.example.org: their preflights reach the upstream without a login; repeatable',
    defaultText: 'none',
  }
  const { read, ...rest } = list(texts, (name, text) => {
    const origin = parseOrigin(text)
    if (origin === undefined) throw errors.badUrl(name, text, 'http(s)://HOST or http(s)://HOST:PORT')
    return origin
  })
  return { ...rest, read: (name, given) => new Set(given.length === 0 ? [] : read(name, given)) }
}
