// A bare TCP relay, to measure the cost of a process that forwards bytes unread. node relay.js UPSTREAM_PORT PORT
import { connect, createServer } from 'node:net'

const [upstream, port] = process.argv.slice(2).map(Number)

createServer({ noDelay: true }, (client) => {
  const server = connect({ port: upstream, host: '127.0.0.1', noDelay: true })
  for (const [from, to] of [
    [client, server],
    [server, client],
  ]) {
    from.on('data', (bytes) => to.write(bytes))
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
}).listen(port, '127.0.0.1')
