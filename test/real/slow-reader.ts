import { once } from 'node:events'
import { connect } from 'node:net'

/** A client that has asked for an image, has got its first bytes, and takes no more. */
export async function slowReader(url: string, token: string): Promise<{ abort(): void }> {
  const { hostname, port, pathname, host } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nX-Auth-Token: ${token}\r\n\r\n`)
  await once(socket, 'readable')
  return { abort: () => socket.destroy() }
}
