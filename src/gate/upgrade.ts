import { hasOption, type RequestHead } from '../http1/head.js'

/**
 * Whether a request asks for a WebSocket, the only upgrade allowed: cleartext HTTP/2, for example, would let requests pass
 * the gate unseen. Other upgrades are ignored, as RFC 9110 (section 7.8) permits: curl and Java's client offer HTTP/2 with
 * their first request, and also accept HTTP/1.1.
 */
export const isWebSocket = ({ method, minor, upgrade, connection, length }: RequestHead): boolean =>
  upgrade?.toLowerCase() === 'websocket' &&
  method === 'GET' &&
  minor === 1 &&
  length === 0 &&
  hasOption(connection, 'upgrade')
