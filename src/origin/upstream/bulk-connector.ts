import { type buildConnector, errors } from 'undici'
import { BulkConnection } from './bulk-connection.ts'

/** Connects without TLS, for downloads (see BulkConnection). Times are milliseconds. */
export function bulkConnector(
  options: Readonly<{ connectTimeoutMs: number; idleTimeoutMs: number }>,
): buildConnector.connector {
  const { connectTimeoutMs, idleTimeoutMs } = options
  return ({ hostname, port, localAddress }, done) => {
    const place = { host: hostname, port: Number(port) || 80, ...(localAddress ? { localAddress } : {}) }
    const { socket } = new BulkConnection(place, idleTimeoutMs)
    const timer = setTimeout(() => {
      socket.destroy(new errors.ConnectTimeoutError(`no connection within ${connectTimeoutMs} ms`))
    }, connectTimeoutMs)
    const settle = (error: Error | null) => {
      clearTimeout(timer)
      socket.off('connect', onConnect).off('error', settle)
      if (error === null) done(null, socket)
      else done(error, null)
    }
    const onConnect = () => settle(null)
    socket.once('connect', onConnect).once('error', settle)
  }
}
