// Hashes that nginx and httpd can verify if their C library supports them (libxcrypt's crypt(5)), but this package cannot.

const UNSUPPORTED: Readonly<Record<string, RegExp>> = {
  yescrypt: /^\$y\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{0,86}\$[./A-Za-z0-9]{43}$/,
  'gost-yescrypt': /^\$gy\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{0,86}\$[./A-Za-z0-9]{43}$/,
  scrypt: /^\$7\$[./A-Za-z0-9]{11,97}\$[./A-Za-z0-9]{43}$/,
  'bcrypt-2x': /^\$2x\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$/,
  'sha1-crypt': /^\$sha1\$[1-9][0-9]*\$[./0-9A-Za-z]{1,64}\$[./0-9A-Za-z]{28,}$/,
  'sun-md5': /^\$md5(?:,rounds=[1-9][0-9]*)?\$[./0-9A-Za-z]{8}\${1,2}[./0-9A-Za-z]{22}$/,
  'bsdi-crypt': /^_[./0-9A-Za-z]{19}$/,
  'nt-hash': /^\$3\$\$[0-9a-f]{32}$/,
}

export function isUnsupported(name: string): boolean {
  return name in UNSUPPORTED
}

/** bigcrypt: DES crypt of longer passwords. Many passwords look the same. */
const BIGCRYPT = /^[./0-9A-Za-z]{13}(?:[./0-9A-Za-z]{11}){1,15}$/

export function looksLikeBigcrypt(encoded: string): boolean {
  return BIGCRYPT.test(encoded)
}

/** The name of the crypt(3) scheme that `encoded` is a complete hash of, if this package can't verify it. */
export function unsupportedScheme(encoded: string): string | undefined {
  return Object.keys(UNSUPPORTED).find((name) => UNSUPPORTED[name]?.test(encoded))
}
