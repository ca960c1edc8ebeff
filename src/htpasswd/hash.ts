import { isUtf8 } from 'node:buffer'
import { MAX_RECORD_BYTES } from '../passwd-file/records.js'
import { MAX_PASSWORD_BYTES as BCRYPT_BYTES, MAX_COST, MIN_COST } from '../schemes/bcrypt.js'
import { MAX_PASSWORD_BYTES as DES_BYTES } from '../schemes/des-crypt.js'
import { type SchemeName, schemeNamed } from '../schemes/index.js'
import type { Algorithm } from './algorithm.js'
import { errors, warnings } from './messages.js'
import type { Invocation } from './options.js'
import { stderr } from './output.js'
import { password } from './password.js'

/** The record `user:hash` and a newline, from a password that is asked for where need be. */
export async function makeRecord(invocation: Invocation): Promise<Buffer> {
  const { scheme, work, user } = invocation
  warnOfUselessWork(invocation)

  const bytes = await password(invocation)
  const encoded = await encode(scheme, bytes, work)
  const record = Buffer.concat([user, Buffer.from(`:${encoded}\n`, 'latin1')])
  if (record.length > MAX_RECORD_BYTES) throw errors.recordTooLong()
  return record
}

async function encode(name: SchemeName, password: Buffer, work: number | undefined): Promise<string> {
  if (name === 'plain' && password.includes('\n')) throw errors.newlineInPlainPassword()
  checkCost({ scheme: name, work })
  if (name === 'bcrypt' && !isUtf8(password)) throw errors.passwordNotUtf8()
  const options = work === undefined ? {} : { cost: work, rounds: work }
  const encoded = await schemeNamed(name).hash?.(password, options)
  if (name === 'bcrypt') warnOfTruncation(password, BCRYPT_BYTES, 'BCRYPT')
  if (name === 'des-crypt') warnOfTruncation(password, DES_BYTES, 'CRYPT')
  return encoded as string
}

/** @throws Exit for a cost that Apache's bcrypt does not compute */
export function checkCost({ scheme, work }: Algorithm): void {
  if (scheme === 'bcrypt' && work !== undefined && (work < MIN_COST || work > MAX_COST))
    throw errors.bcryptCost()
}

/** -C and -r are for bcrypt and SHA-crypt. */
export function warnOfUselessWork({ scheme, work }: Algorithm): void {
  if (work !== undefined && schemeNamed(scheme).work === undefined) stderr(warnings.workIgnored)
}

function warnOfTruncation(password: Buffer, bytes: number, algorithm: 'BCRYPT' | 'CRYPT'): void {
  if (password.length > bytes) stderr(warnings.truncated(bytes, algorithm))
}
