import { type Address, parseAddress } from '../../system/address.js'
import { errors } from '../messages.js'
import { addressMeant } from '../suggestions.js'

// Parsers that several options share. Each throws an Exit whose message starts with `name`.

export const text = (_: string, text: string): string => text

/** A path; not empty. */
export function path(name: string, text: string): string {
  if (text === '') throw errors.badOption(name, text, 'a path')
  return text
}

export function asciiText(name: string, text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw errors.badOption(name, text, 'printable ASCII')
  return text
}

export function hostName(name: string, text: string): string {
  if (!/^[\x21-\x7e]+$/.test(text)) throw errors.badOption(name, text, 'a host name')
  return text
}

/** In lower case; `X-SSO-*` as `x-sso-`. */
export function headerName(name: string, text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(?:-\*)?$/.test(text)) throw errors.badOption(name, text, 'a header name')
  return text
    .toLowerCase()
    .replace(/\*$/, '')
    .replace(/[^a-z0-9]/g, '-')
}

export function address(name: string, text: string): Address {
  const parsed = parseAddress(text)
  if (parsed !== undefined) return parsed
  if (isPort(text)) throw errors.badAddress(name, text)
  const [port] = /\d+$/.exec(text) ?? []
  if (port !== undefined && !isPort(port) && !text.startsWith('unix:')) throw errors.badPort(name, text)
  throw errors.badUrl(name, text, 'HOST:PORT, :PORT, [IPV6]:PORT or unix:/PATH', addressMeant(text))
}

const isPort = (text: string): boolean => /^\d+$/.test(text) && Number(text) <= 65_535

/** 1 to 999. */
export function positive(name: string, text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw errors.badOption(name, text, 'a number from 1 to 999')
  return Number(text)
}

/** 0 to 999,999. */
export function count(name: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw errors.badOption(name, text, 'a number from 0 to 999999')
  return Number(text)
}

/** Seconds, up to a day, in milliseconds. */
export function seconds(name: string, text: string): number {
  const value = Number(text)
  if (!/^\d+(?:\.\d+)?$/.test(text) || value > 86_400)
    throw errors.badOption(name, text, 'a number of seconds from 0 to 86400')
  return Math.round(value * 1000)
}

export function oneOf<const T extends string>(choices: readonly T[]) {
  return (name: string, text: string): T => {
    const choice = choices.find((each) => each === text)
    if (choice === undefined) throw errors.badOption(name, text, `one of ${choices.join(', ')}`)
    return choice
  }
}
