import { connect } from 'node:net'

/**
 * Sends requests one at a time on one connection.
 * @returns how long each took, in milliseconds
 */
export function roundTrips(port, request, count) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const times = []
    let started = 0
    let text = ''
    const send = () => {
      started = performance.now()
      socket.write(request)
    }
    socket.on('connect', send)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`port ${port}: the connection was closed`)))
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
      if (text.length < head + 4 + length) return
      if (!text.startsWith('HTTP/1.1 200')) return reject(new Error(`port ${port}: ${text.slice(0, 100)}`))
      times.push(performance.now() - started)
      text = ''
      if (times.length < count) send()
      else {
        socket.removeAllListeners('close').destroy()
        resolve(times)
      }
    })
  })
}
