import type { ServerResponse } from 'node:http'
import { cutOff } from '../origin/upstream/cut-off.ts'

/**
 * Resets the connection of a client that takes nothing of its answer, or sends nothing of the body that it has begun,
 * for `idleTimeoutMs`. Waiting for the image store is not the client's doing and has no limit here. Gives how to stop.
 */
export function cutOffWhenStalled(outgoing: ServerResponse, idleTimeoutMs: number): () => void {
  const onTimeout = () => {
    const { req: incoming, socket } = outgoing
    const takesNothing = outgoing.writableLength > 0 || (socket?.writableLength ?? 0) > 0
    const sendsNothing = !incoming.complete && incoming.readableFlowing === true && incoming.readableLength === 0
    if (takesNothing || sendsNothing) cutOff(outgoing)
  }
  outgoing.setTimeout(idleTimeoutMs, onTimeout)
  return () => {
    outgoing.off('timeout', onTimeout)
    outgoing.setTimeout(0)
  }
}
