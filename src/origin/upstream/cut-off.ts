import type { ServerResponse } from 'node:http'

/** Resets the client's connection: a clean close looks like a complete answer to an HTTP/1.0 client (rule 6). */
export function cutOff(outgoing: ServerResponse): void {
  const { socket } = outgoing
  try {
    socket?.resetAndDestroy()
  } catch {
    // Only TCP has resets: on a pipe, or under TLS, the end without its closing marks has to do.
    socket?.destroy()
  }
  outgoing.destroy()
}
