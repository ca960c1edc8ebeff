import { readFileSync } from 'node:fs'
import { find, restOf } from '../passwd-file/records.js'
import { accepts } from '../schemes/algorithm.js'
import { schemeOf } from '../schemes/index.js'
import { unsupportedScheme } from '../schemes/unsupported.js'
import { errors, progress } from './messages.js'
import type { Invocation } from './options.js'
import { stderr } from './output.js'
import { password } from './password.js'

/** Verifies all records of the user. Asks for the password only if there is one. */
export async function verifyRecord(invocation: Invocation): Promise<void> {
  const { file, user } = invocation
  const content = readFileSync(file)
  const { lines, malformed } = find(content, user)

  let given: Buffer | undefined
  for (const line of lines) {
    const encoded = restOf(content, line)
    if (encoded === '') throw errors.emptyHash(user)
    given ??= await password(invocation)
    const scheme = schemeOf(encoded)
    // Apache's own bcrypt code handles $2a$ and $2y$ and reports an error if it cannot; all others go to crypt(3).
    const isUnreadable = scheme?.workOf?.(encoded) === undefined
    if (/^\$2[ay]\$/.test(encoded) && isUnreadable) throw errors.notVerifiable()
    const unsupported = unsupportedScheme(encoded)
    if (unsupported) throw errors.schemeUnsupported(unsupported)
    if (scheme && !accepts(scheme, given)) throw errors.needsUtf8(scheme)
    if (!(await scheme?.verify(given, encoded))) throw errors.notVerified()
  }

  if (malformed) throw errors.notAPasswordFile(file)
  if (lines.length > 0) stderr(progress.correct(user))
  else throw errors.userNotFound(user)
}
