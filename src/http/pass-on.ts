import type { ServerResponse } from 'node:http'
import type { Download, HeaderList } from '../origin/origin.ts'
import { onConnectionClose } from '../origin/upstream/connection-close.ts'
import { cutOff } from '../origin/upstream/cut-off.ts'
import { cutOffWhenStalled } from './cut-off-when-stalled.ts'

/** What became of a body that went straight from the upstream to its client. */
export type PassedOn = Readonly<{ bytes: number; complete: boolean }>

/** Answers with a download that the upstream has begun for this client: its fields, its bytes, nothing kept. */
export function passOn(
  outgoing: ServerResponse,
  download: Download,
  added: HeaderList,
  idleTimeoutMs: number,
): Promise<PassedOn> {
  outgoing.writeHead(download.status, [...download.headers, ...added].flat())
  return passBytes(outgoing, download, { skip: 0, bytes: Number.POSITIVE_INFINITY }, idleTimeoutMs)
}

/**
 * Sends `bytes` of a download's body after skipping `skip`, and ends the response. What breaks is cut off by a reset:
 * a clean close would look complete to a client that reads to the end of the connection. So is a client that takes
 * nothing for `idleTimeoutMs`.
 */
export async function passBytes(
  outgoing: ServerResponse,
  download: Download,
  part: Readonly<{ skip: number; bytes: number }>,
  idleTimeoutMs: number,
): Promise<PassedOn> {
  let { skip } = part
  let sent = 0
  const resume = () => download.resume()
  // The client may have left before the upstream began to answer: then nothing would ever drain.
  const unwatch = onConnectionClose(outgoing.req.socket, () => download.abort())
  const unwatchStall = cutOffWhenStalled(outgoing, idleTimeoutMs)
  outgoing.on('drain', resume)
  try {
    await download
      .deliver((chunk) => {
        const from = Math.min(skip, chunk.length)
        skip -= from
        const wanted = chunk.subarray(from, from + Math.min(chunk.length - from, part.bytes - sent))
        sent += wanted.length
        // A chunk may be overwritten after this call, and the socket keeps what it cannot send at once.
        if (wanted.length > 0 && !outgoing.write(Buffer.from(wanted))) download.pause()
        if (sent === part.bytes) download.abort()
      })
      .catch((error: unknown) => {
        if (sent < part.bytes) throw error
      })
    if (Number.isFinite(part.bytes) && sent < part.bytes) throw new Error(`${part.bytes - sent} bytes are missing`)
    outgoing.end()
    return { bytes: sent, complete: true }
  } catch {
    // The upstream broke off, or the client has left: either way nobody may take this for the whole.
    cutOff(outgoing)
    return { bytes: sent, complete: false }
  } finally {
    unwatch()
    unwatchStall()
    outgoing.off('drain', resume)
  }
}
