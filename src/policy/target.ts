// A request's target as MLflow's servers read it: uvicorn and gunicorn cut the query off and decode percent-encoded
// bytes, once and before they route; Flask also merges slashes. `.` and `..` stay for them, but a proxy on the way may
// resolve them, so that the two would speak about different paths.

/** What no path has that two programs read alike: control characters, which Python's `$` and loggers stumble over. */
const CONTROL = /[\x00-\x1f\x7f]/
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/
const ENCODED = /%([0-9A-Fa-f]{2})/g

/**
 * The path of `target`, decoded, one character a byte.
 *
 * @param target path and query in origin form
 */
export function decodedPath(target: string): string {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  if (!path.includes('%')) return path
  return path.replace(ENCODED, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** As `decodedPath`, but undefined where programs may take the target for different paths. */
export function unambiguousPath(target: string): string | undefined {
  const path = decodedPath(target)
  // Gunicorn and httptools end the path at a fragment, which h11 takes for a part of it.
  if (!path.startsWith('/') || target.includes('#')) return undefined
  if (CONTROL.test(path) || (path.includes('/.') && DOT_SEGMENT.test(path))) return undefined
  return path
}

export const mergeSlashes = (path: string): string => path.replace(/\/{2,}/g, '/')
