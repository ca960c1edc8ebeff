import { Exit, ExitStatus } from './exit-status.js'

// What the command itself says, on standard error: lower case, no full stop, what is wrong and what to do.

const usage = (message: string) => new Exit(ExitStatus.usage, `${message}\ntry 'htgate --help'`)
const failed = (message: string) => new Exit(ExitStatus.failed, message)

export const errors = {
  option: (message: string) => usage(message),
  badOption: (name: string, value: string, expected: string) =>
    usage(`${name}: '${value}' is not ${expected}`),
  missing: (name: string, why: string) => usage(`${name} is missing: ${why}`),
  conflict: (a: string, b: string) => usage(`${a} and ${b} exclude each other`),
  onlyTogether: (a: string, b: string) => usage(`${a} and ${b} go together: one of them is missing`),
  needs: (a: string, b: string) => usage(`${a} is of use only with ${b}`),
  cannotRead: (name: string, path: string, why: string) => failed(`${name}: cannot read ${path}: ${why}`),
  passwordFile: (why: string) => failed(`--file: ${why}\nmake one with: htpasswd -cB FILE USER`),
  badCertificate: (path: string, why: string) => failed(`--tls-cert: ${path} is no certificate: ${why}`),
  badKey: (path: string, why: string) =>
    failed(`--tls-key: ${path} is no private key that can be used: ${why}`),
  keyMismatch: (cert: string, key: string) =>
    failed(`--tls-key: ${key} does not belong to the certificate in ${cert}`),
  badCa: (path: string, why: string) => failed(`--upstream-ca: ${path} holds no certificates: ${why}`),
  inUse: (address: string) =>
    failed(`cannot listen on ${address}: another program does already\nfind it with: ss -ltnp`),
  cannotListen: (address: string, why: string) => failed(`cannot listen on ${address}: ${why}`),
  unexpected: (error: unknown) => failed(`unexpected: ${error instanceof Error ? error.message : error}`),
}
