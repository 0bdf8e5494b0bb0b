import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller, HeaderList } from '../origin/origin.ts'
import { callerFields } from '../origin/upstream/hop-by-hop.ts'
import { splitTarget } from './image-paths.ts'
import { soleTokenKey } from './sole-token.ts'

/** One request, the answer to it, and on whose behalf the image store is asked: what every handler gets. */
export class Exchange {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** Ours for this request: `req-<uuid>`, in logs, in answers of our own, and in the upstream's log as the global id. */
  readonly requestId = `req-${randomUUID()}`
  readonly #pseudonym: string
  /** Asked for at once: it is gone with the connection. */
  readonly #clientAddress: string | undefined
  #caller: Caller | undefined

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, pseudonym: string) {
    this.incoming = incoming
    this.outgoing = outgoing
    this.#pseudonym = pseudonym
    this.#clientAddress = incoming.socket.remoteAddress
  }

  get caller(): Caller {
    this.#caller ??= this.#identify()
    return this.#caller
  }

  #identify(): Caller {
    const { incoming, requestId } = this
    const { rawHeaders, httpVersion } = incoming
    const { host } = incoming.headers
    const pseudonym = this.#pseudonym
    const clientAddress = this.#clientAddress
    let headers: HeaderList | undefined
    return {
      // Most hits ask nothing of the upstream and need none. Its own property: callers are copied by their members.
      get headers() {
        headers ??= callerFields(rawHeaders, { pseudonym, httpVersion, clientAddress, scheme: 'http', host, requestId })
        return headers
      },
      host,
      key: soleTokenKey(rawHeaders),
      query: splitTarget(incoming.url ?? '/').query,
    }
  }
}
