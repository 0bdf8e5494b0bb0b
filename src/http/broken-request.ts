import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What was begun last on a connection, and of how many requests the answer is not complete. */
export type UnderWay = { running: number; incoming: IncomingMessage; outgoing: ServerResponse }

const statuses = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', '413 Payload Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
])

/**
 * Ends a connection on which something came that is no HTTP. It is said so where the client can take it for nothing but
 * the answer to that: after the answer to a request whose body turns out to be broken it would be a second one, and a
 * client that has sent more takes it for the next one's.
 */
export function endBroken(error: Error, socket: Socket, last: UnderWay | undefined): void {
  const code = 'code' in error ? String(error.code) : ''
  // The client has said that its request is the last one: what it sends all the same is dropped, and the answer, after
  // which the connection is closed, does not suffer by it.
  if (code === 'HPE_CLOSED_CONNECTION' && last !== undefined) return
  if (socket.writable && isAnswerable(last)) {
    socket.write(`HTTP/1.1 ${statuses.get(code) ?? '400 Bad Request'}\r\nConnection: close\r\n\r\n`, 'latin1')
    socket.destroy()
  } else endInMidAnswer(socket, last)
}

/** Ends a connection at once; by a reset when something is unanswered: half an answer must not look complete (rule 6). */
export function endInMidAnswer(socket: Socket, last: UnderWay | undefined): void {
  try {
    if (last !== undefined && last.running > 0) {
      // Not destroyed as well: Node is never done with a connection that was both, and the process would not end.
      socket.resetAndDestroy()
      return
    }
  } catch {
    // Only TCP has resets.
  }
  socket.destroy()
}

function isAnswerable(last: UnderWay | undefined): boolean {
  if (last === undefined) return true
  const { running, incoming, outgoing } = last
  return running === 0 ? incoming.complete : running === 1 && !outgoing.headersSent
}
