// Names of users come from elsewhere and go on to headers, logs and pages: a name that none of these can carry is no name.

const MAX_NAME_BYTES = 255

/** Why `name` can't be a user's or a group's, as in `it contains …`; undefined if it can. */
export function nameFlaw(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/.test(name)) return 'contains a control character'
  if (Buffer.from(name).toString() !== name) return 'is not well-formed Unicode'
  if (name.trim() !== name) return 'starts or ends with a space'
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`
  return undefined
}
