import type { Socket } from 'node:net'

const watched = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls `left` once when the connection has closed, or if it has already, and nothing of it will be written any more. Returns what takes that
 * back. One listener serves all responses of a connection: a client may pipeline any number of requests, and a
 * response that still waits behind another one gets no 'close' event of its own from Node.
 */
export function onConnectionClose(socket: Socket, left: () => void): () => void {
  if (socket.destroyed) {
    // It has closed already and will not say so again. Not at once: the caller has not got its way back yet.
    let isWanted = true
    queueMicrotask(() => {
      if (isWanted) left()
    })
    return () => {
      isWanted = false
    }
  }
  const known = watched.get(socket)
  const waiting = known ?? new Set<() => void>()
  if (known === undefined) {
    watched.set(socket, waiting)
    socket.once('close', () => {
      for (const each of waiting) each()
    })
  }
  waiting.add(left)
  return () => waiting.delete(left)
}
