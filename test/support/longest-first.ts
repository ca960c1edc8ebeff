import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The slowest files, slowest first. */
const LONG = [
  'e2e/',
  'policy/mlflow-routes',
  'docs/quick-start',
  'htgate/guard-command',
  'transcripts/',
  'passwd-file/store/killed',
  'processes/workers',
  'auth/user-enumeration',
  'htpasswd/parity',
  'htpasswd/fixes',
  'gate/hostile',
  'gate/user-enumeration',
  'interop/',
  'gate/messages',
  'gate/pages/browser',
  'passwd-file/store/',
  'htgate/',
  'http1/',
  'htpasswd/',
  'gate/protocol',
  'gate/logins',
  'auth/providers/ldap/',
  'upstream/streaming',
  'auth/authenticator',
  'library/',
  'schemes/',
]

/** Starts the slow files first, so that none of them runs alone at the end. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONG.findIndex((name) => moduleId.includes(`/test/${name}`))
      return place === -1 ? LONG.length : place
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
