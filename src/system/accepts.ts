import { connect, type IpcNetConnectOpts, type TcpNetConnectOpts } from 'node:net'

/**
 * Whether something accepts connections at an address.
 *
 * @param timeout how long to wait for a connection, in milliseconds
 */
export const accepts = (to: TcpNetConnectOpts | IpcNetConnectOpts, timeout: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(to, () => {
      resolve(true)
      socket.destroy()
    })
    socket
      .setTimeout(timeout, () => socket.destroy())
      .once('error', () => resolve(false))
      .once('close', () => resolve(false))
  })
