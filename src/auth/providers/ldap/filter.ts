import { isUtf8 } from 'node:buffer'
import {
  AndFilter,
  ApproximateFilter,
  EqualityFilter,
  ExtensibleFilter,
  type Filter,
  FilterParser,
  GreaterThanEqualsFilter,
  LessThanEqualsFilter,
  NotFilter,
  OrFilter,
  PresenceFilter,
  SubstringFilter,
} from 'ldapts'
import { HtgateError } from '../../../errors.js'

/**
 * Parses a filter (RFC 4515). The outer parentheses are optional, as in Apache.
 * @param option its name in messages
 * @throws HtgateError ERR_OPTION
 */
export function parseFilter(text: string, option: string): Filter {
  try {
    return FilterParser.parseString(spellOut(text.trim()))
  } catch (error) {
    const why = (error as Error).message.replace(/\. Full string: .*$/s, '')
    throw new HtgateError('ERR_OPTION', `${option} ${JSON.stringify(text)} is not a filter: ${why}`)
  }
}

/** The parser takes each escaped byte for a character, so escaped UTF-8 is decoded first. */
function spellOut(text: string): string {
  const spelled = text.replace(/(?:\\[89a-f][0-9a-f])+/gi, (escaped) => {
    const bytes = Buffer.from(escaped.replaceAll('\\', ''), 'hex')
    if (!isUtf8(bytes)) throw new Error('values must be text, not binary')
    return bytes.toString()
  })
  // Nor does the parser accept filters on several lines.
  return spelled.replace(/([(&|!)])\s+(?=[()])/g, '$1')
}

/** Matches entries that match `filter` and have `value` as `attribute`. The value is not parsed. */
export function filterFor(filter: Filter, attribute: string, value: string): Filter {
  return new AndFilter({ filters: [filter, new EqualityFilter({ attribute, value })] })
}

/** Whether a filter contains a placeholder. */
export const hasPlaceholder = (text: string): boolean => /\{(?:dn|user)\}/.test(text)

/**
 * Copies a filter, replacing `{dn}` and `{user}` in its values. The replacements are not parsed, so they cannot change the
 * filter's structure.
 */
export function fill(filter: Filter, values: Readonly<Record<'dn' | 'user', string>>): Filter {
  const text = (written: string) =>
    written.replace(/\{(dn|user)\}/g, (_, name: 'dn' | 'user') => values[name])
  const value = ({ attribute, value }: EqualityFilter) => ({ attribute, value: text(String(value)) })
  const copy = (from: Filter): Filter => {
    if (from instanceof AndFilter) return new AndFilter({ filters: from.filters.map(copy) })
    if (from instanceof OrFilter) return new OrFilter({ filters: from.filters.map(copy) })
    if (from instanceof NotFilter) return new NotFilter({ filter: copy(from.filter) })
    if (from instanceof EqualityFilter) return new EqualityFilter(value(from))
    if (from instanceof ApproximateFilter) {
      return new ApproximateFilter({ attribute: from.attribute, value: text(from.value) })
    }
    if (from instanceof GreaterThanEqualsFilter) {
      return new GreaterThanEqualsFilter({ attribute: from.attribute, value: text(from.value) })
    }
    if (from instanceof LessThanEqualsFilter) {
      return new LessThanEqualsFilter({ attribute: from.attribute, value: text(from.value) })
    }
    if (from instanceof SubstringFilter) {
      const { attribute, initial, any, final } = from
      return new SubstringFilter({
        attribute,
        initial: text(initial),
        any: any.map(text),
        final: text(final),
      })
    }
    if (from instanceof ExtensibleFilter) {
      const { matchType, rule, dnAttributes } = from
      return new ExtensibleFilter({ matchType, rule, dnAttributes, value: text(from.value) })
    }
    return from
  }
  return copy(filter)
}

export const anyOf = (filters: Filter[]): Filter => new OrFilter({ filters })
export const allOf = (filters: Filter[]): Filter => new AndFilter({ filters })
export const equals = (attribute: string, value: string): Filter => new EqualityFilter({ attribute, value })
export const present = (attribute: string): Filter => new PresenceFilter({ attribute })

/** Matches groups that contain the value directly or through other groups, which Active Directory resolves. */
export const inChain = (attribute: string, value: string): Filter =>
  new ExtensibleFilter({ matchType: attribute, rule: '1.2.840.113556.1.4.1941', value })
