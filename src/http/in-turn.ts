import type { RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Requests that one client may send ahead; who sends more is cut off. */
const waitingMost = 100

/** Of one connection: what waits behind the request that is being answered. */
type Line = { readonly waiting: Array<() => void>; over: boolean }

/**
 * Requests of one connection are begun one after the other, each when its predecessor's answer is complete (RFC 9112
 * 9.3.2): Node would begin all that have come. What lies behind an answer after which the connection closes is never
 * begun (9.6), and where one framing is doubtful that is what keeps a hidden request from being carried out.
 */
export function inTurn(app: RequestListener): RequestListener {
  const lines = new WeakMap<Socket, Line>()

  function begin(socket: Socket, line: Line, outgoing: ServerResponse, run: () => void): void {
    outgoing.once('close', () => {
      // Node has ended it by now when this was the last answer.
      if (socket.destroyed || socket.writableEnded) line.over = true
      const next = line.over ? undefined : line.waiting.shift()
      if (next !== undefined) next()
      else if (!line.over) lines.delete(socket)
      else line.waiting.length = 0
    })
    run()
  }

  return function inTurn(incoming, outgoing) {
    const { socket } = incoming
    const line = lines.get(socket)
    const start = (mine: Line) => begin(socket, mine, outgoing, () => app(incoming, outgoing))
    if (line === undefined) {
      const mine: Line = { waiting: [], over: false }
      lines.set(socket, mine)
      start(mine)
    } else if (!line.over) {
      line.waiting.push(() => start(line))
      if (line.waiting.length <= waitingMost) return
      line.over = true
      line.waiting.length = 0
      socket.destroy()
    }
  }
}
