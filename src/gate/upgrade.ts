import { hasOption, type RequestHead } from '../http1/head.js'

/**
 * Whether a request asks for a WebSocket. It is the only protocol that passes: within HTTP/2 over cleartext, for example,
 * requests would pass unseen. Any other offer is ignored, as a server may (RFC 9110, section 7.8): Java's and curl's clients
 * offer HTTP/2 with their first request, and are content with HTTP/1.1.
 */
export const isWebSocket = ({ method, minor, upgrade, connection, length }: RequestHead): boolean =>
  upgrade?.toLowerCase() === 'websocket' &&
  method === 'GET' &&
  minor === 1 &&
  length === 0 &&
  hasOption(connection, 'upgrade')
