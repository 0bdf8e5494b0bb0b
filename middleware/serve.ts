import type { IncomingMessage, RequestListener } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { Env } from '../src/http/env.ts'
import { Exchange } from '../src/http/exchange.ts'
import { splitTarget } from '../src/http/image-paths.ts'
import { checkRequest } from './check-request.ts'
import { failInternally } from './internal-error.ts'
import type { Step } from './step.ts'

export type ServeOptions = Readonly<{
  /** Our name in Via fields. */
  pseudonym: string
  onError(error: unknown): void
}>

/** A listener for requests that go through the steps, in their order, and what none of them answers to the app. */
export function serve({ pseudonym, onError }: ServeOptions, steps: readonly Step[], app: Hono<Env>): RequestListener {
  const checked = [checkRequest, ...steps]
  const left = new WeakMap<IncomingMessage, Exchange>()
  const toApp = getRequestListener(
    (request, { incoming }) => app.fetch(request, left.get(incoming as IncomingMessage)),
    {
      overrideGlobalObjects: false,
      // Bodies are streamed to the upstream by us; what is not read ends with its connection.
      autoCleanupIncoming: false,
    },
  )
  return function serve(incoming, outgoing) {
    const exchange = new Exchange(incoming, outgoing, pseudonym)
    const fail = (error: unknown) => failInternally(onError, error, outgoing)
    try {
      for (const step of checked) {
        const answer = step(exchange)
        if (answer === true) return
        if (answer !== false) {
          answer.catch(fail)
          return
        }
      }
    } catch (error) {
      fail(error)
      return
    }
    left.set(incoming, exchange)
    void toApp(incoming, outgoing)
  }
}

/** The path as the client wrote it: routing must not see another one than the upstream will. */
export function rawPath(_request: Request, options?: { env?: unknown }): string {
  // Set by `serve` for every request; Hono types it as unknown here.
  const env = options?.env as Exchange | undefined
  return splitTarget(env?.incoming.url ?? '/').path
}
