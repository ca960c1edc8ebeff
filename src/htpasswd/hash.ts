import { MAX_RECORD_BYTES } from '../passwd-file/records.js'
import { accepts, hashWith, truncates } from '../schemes/algorithm.js'
import { schemeNamed } from '../schemes/index.js'
import { type Chosen, checkCost, PLAINTEXT, warnOfUnusedWork } from './algorithm.js'
import { errors, warnings } from './messages.js'
import type { Invocation } from './options.js'
import { stderr } from './output.js'
import { password } from './password.js'

/** Makes the record: `user:hash` and a newline. Asks for the password if necessary. */
export async function makeRecord(invocation: Invocation): Promise<Buffer> {
  const { scheme, work, user } = invocation
  warnOfUnusedWork(invocation)

  const bytes = await password(invocation)
  const encoded = await encode({ scheme, work }, bytes)
  const record = Buffer.concat([user, Buffer.from(`:${encoded}\n`, 'latin1')])
  if (record.length > MAX_RECORD_BYTES) throw errors.recordTooLong()
  return record
}

async function encode(chosen: Chosen, password: Buffer): Promise<string> {
  const { scheme: name, work } = chosen
  if (name === PLAINTEXT) {
    if (password.includes('\n')) throw errors.newlineInPlainPassword()
    return password.toString('latin1')
  }
  checkCost(chosen)
  const scheme = schemeNamed(name)
  if (!accepts(scheme, password)) throw errors.passwordNotUtf8()
  const encoded = await hashWith({ scheme: name, work }, password)
  if (truncates(scheme, password)) stderr(warnings.truncated(scheme))
  return encoded
}
