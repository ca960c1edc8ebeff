declare module 'apache-md5' {
  /** `salt` is `$apr1$SALT$` or `$1$SALT$`; text is hashed one byte a character. */
  export default function md5(password: string, salt?: string): string
}

declare module 'unix-crypt-td-js' {
  /** Text is hashed one byte a character. */
  export default function crypt(password: string, salt: string): string
}
