import type { ServerResponse } from 'node:http'
import type { ImageReader } from '../cache/reader.ts'
import type { Sendfile } from '../sendfile/sendfile.ts'

/** Larger parts are left to the sending threads (bytes): a client that takes them all would keep all others waiting. */
const most = 1 << 20

/**
 * A small part of an image whose bytes are in the page cache, sent together with its head, without a copy, a timer or a watch
 * over the connection. Gives how many of its bytes the kernel has taken, which may be none: the rest goes the usual way.
 * By itself a head costs as much as 64 KiB of body: the client is woken for it.
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
  if (socket === null || socket.destroyed || socket.writableLength > 0 || end - start > most || end === start) return 0
  const head = headOf(outgoing)
  const span = head === undefined ? undefined : reader.span(start, end - start)
  if (head === undefined || span === undefined) return 0
  try {
    if (!span.isInMemory) return 0
    const sent = sendfile.sendNow(socket, head, span.fd, start, span.end)
    if (sent === 0) return 0
    Reflect.set(outgoing, '_headerSent', true)
    // What is left of the head goes before all that Node writes from now on.
    if (sent < head.length) socket.write(head.subarray(sent))
    return Math.max(0, sent - head.length)
  } finally {
    span.release()
  }
}

/**
 * The head that Node has made and not sent yet. It gives both no public name: with other ones nothing is sent at once, and
 * Node sends it as ever.
 */
function headOf(outgoing: ServerResponse): Buffer | undefined {
  const head: unknown = Reflect.get(outgoing, '_header')
  const isWaiting = Reflect.get(outgoing, '_headerSent') === false
  return typeof head === 'string' && isWaiting ? Buffer.from(head, 'latin1') : undefined
}
