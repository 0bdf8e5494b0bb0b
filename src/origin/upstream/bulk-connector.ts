import { connect, type Socket } from 'node:net'
import { type buildConnector, errors } from 'undici'

/** Read at once from a bulk connection; larger reads are slower again, they no longer fit the processor's cache. */
const readBytes = 256 * 1024

/**
 * Connects sockets that read into one buffer of their own, again and again, instead of a new 64 KiB one for each read.
 * For a download of 1 GiB those are 16 000 buffers, whose collection costs as much processor time as everything else
 * that receiving it takes (measured). The price: a chunk is valid only until the parser asks for the next one.
 */
export function bulkConnector(timeoutMs: number): buildConnector.connector {
  return ({ hostname, port, localAddress }, done) => {
    const socket = connectReusing({ host: hostname, port: Number(port) || 80, localAddress: localAddress ?? undefined })
    const timer = setTimeout(() => {
      socket.destroy(new errors.ConnectTimeoutError(`no connection within ${timeoutMs} ms`))
    }, timeoutMs)
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

function connectReusing(target: { host: string; port: number; localAddress: string | undefined }): Socket {
  let unread: Buffer | undefined
  const { localAddress, ...address } = target
  const socket = connect({
    ...address,
    ...(localAddress === undefined ? {} : { localAddress }),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    onread: {
      buffer: Buffer.allocUnsafeSlow(readBytes),
      callback(length, buffer) {
        unread = Buffer.from(buffer.buffer, buffer.byteOffset, length)
        socket.emit('readable')
        // Nothing is read over what the parser has not taken yet.
        return unread === undefined
      },
    },
  })
  const readStream = socket.read.bind(socket)
  /** undici's parser reads until there is nothing; that last call is what makes Node read from the connection again. */
  socket.read = (size?: number) => {
    const chunk = unread
    if (chunk === undefined) return readStream(size)
    unread = undefined
    return chunk
  }
  /** What a parser that was paused in the middle of a chunk gives back. */
  socket.unshift = (rest: Buffer) => {
    unread = rest
    return true
  }
  return socket
}
