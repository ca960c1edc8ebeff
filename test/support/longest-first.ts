import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes longest, the longest first. */
const LONG = [
  'passwd-file/store/killed',
  'e2e/',
  'htpasswd/parity',
  'http1/differential',
  'upstream/streaming',
  'auth/authenticator',
  'docs/quick-start',
  'gate/who-exists',
  'htgate/',
  'htpasswd/',
  'passwd-file/store/',
  'gate/hostile',
  'gate/messages',
  'gate/protocol',
  'gate/logins',
  'processes/',
]

/** Starts the files that take long first, so that none of them runs alone at the end. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONG.findIndex((name) => moduleId.includes(`/test/${name}`))
      return place === -1 ? LONG.length : place
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
