// Interprets a request's target as MLflow's servers do: uvicorn and gunicorn remove the query and decode percent-encoded bytes
// once, before routing; Flask also merges slashes. They keep `.` and `..`, but a proxy on the way may resolve them and so see
// another path.

/** Control characters, which programs interpret differently: Python's `$` in regular expressions, for example, and loggers. */
const CONTROL = /[\x00-\x1f\x7f]/
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/
const ENCODED = /%([0-9A-Fa-f]{2})/g

/**
 * The decoded path of `target`, one character per byte.
 *
 * @param target path and query in origin form
 */
export function decodedPath(target: string): string {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  if (!path.includes('%')) return path
  return path.replace(ENCODED, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Like `decodedPath`, but undefined if programs may read the target as different paths. */
export function unambiguousPath(target: string): string | undefined {
  const path = decodedPath(target)
  // Gunicorn and httptools end the path at a fragment; h11 takes the fragment as part of it.
  if (!path.startsWith('/') || target.includes('#')) return undefined
  if (CONTROL.test(path) || (path.includes('/.') && DOT_SEGMENT.test(path))) return undefined
  return path
}

export const mergeSlashes = (path: string): string => path.replace(/\/{2,}/g, '/')
