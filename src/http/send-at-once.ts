import type { ServerResponse } from 'node:http'
import type { ImageReader } from '../cache/reader.ts'
import type { Sendfile } from '../sendfile/sendfile.ts'

/** Larger parts are left to the sending threads (bytes): a client that takes them all would keep all others waiting. */
const most = 1 << 20

/**
 * A small part of an image whose bytes are in the page cache, sent in one system call, without a copy, a timer or a watch
 * over the connection. Gives how many of its bytes the kernel has taken, which may be none: the rest goes the usual way.
 */
export function sendAtOnce(
  outgoing: ServerResponse,
  reader: ImageReader,
  start: number,
  end: number,
  sendfile: Sendfile,
): number {
  const { socket } = outgoing
  // Without a socket it is not our turn yet: an earlier answer on this connection is still under way.
  if (socket === null || socket.destroyed || end - start > most || end === start) return 0
  const span = reader.span(start, end - start)
  if (span === undefined) return 0
  try {
    if (!span.isInMemory) return 0
    outgoing.flushHeaders()
    // The head waits, so must the body.
    if (socket.writableLength > 0) return 0
    return sendfile.sendNow(socket, span.fd, start, span.end)
  } finally {
    span.release()
  }
}
