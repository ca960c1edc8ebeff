/** Quotes a word for the shell, if it needs that. */
export const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`

/** Quotes a path for the shell, so that no command takes it for an option. */
export const quotePath = (path: string): string => quote(path.startsWith('-') ? `./${path}` : path)
