// Names of users and groups come from other systems and end up in headers, logs and pages, so they must be safe there.

const MAX_NAME_BYTES = 255

/** What makes `name` invalid, such as `contains a control character`; undefined if it is valid. */
export function nameFlaw(name: string): string | undefined {
  if (name === '') return 'is empty'
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]/.test(name)) return 'contains a control character'
  if (Buffer.from(name).toString() !== name) return 'is not well-formed Unicode'
  if (name.trim() !== name) return 'starts or ends with a space'
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`
  return undefined
}
