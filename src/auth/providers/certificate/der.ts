// Just enough DER (X.690) to find serial numbers in certificates and revocation lists (RFC 5280).

export interface Element {
  readonly tag: number
  /** With its head. */
  readonly whole: Buffer
  readonly content: Buffer
}

export const SEQUENCE = 0x30
export const INTEGER = 0x02
export const UTC_TIME = 0x17
export const GENERALIZED_TIME = 0x18

/** Splits `bytes` into its elements. @throws RangeError if it is not DER */
export function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = []
  for (let position = 0; position < bytes.length; ) {
    const element = elementAt(bytes, position)
    elements.push(element)
    position += element.whole.length
  }
  return elements
}

function elementAt(bytes: Buffer, start: number): Element {
  const tag = bytes[start]
  let length = bytes[start + 1]
  let head = start + 2
  if (tag === undefined || length === undefined || (tag & 0x1f) === 0x1f) throw new RangeError('not DER')
  if (length >= 0x80) {
    const octets = length & 0x7f
    if (octets === 0 || octets > 4 || head + octets > bytes.length) throw new RangeError('not DER')
    length = bytes.readUIntBE(head, octets)
    head += octets
  }
  const end = head + length
  if (end > bytes.length) throw new RangeError('not DER')
  return { tag, whole: bytes.subarray(start, end), content: bytes.subarray(head, end) }
}

/** UTCTime or GeneralizedTime as milliseconds since the epoch (RFC 5280, section 4.1.2.5). */
export function timeOf({ tag, content }: Element): number {
  const text = content.toString('latin1')
  const [, year = '', month, day, hour, minute, second] =
    /^(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? []
  const century = tag === GENERALIZED_TIME ? '' : Number(year) < 50 ? '20' : '19'
  const ms = Date.parse(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(ms)) throw new RangeError('not a time')
  return ms
}
