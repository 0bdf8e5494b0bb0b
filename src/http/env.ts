import type { HttpBindings } from '@hono/node-server'
import type { Caller } from '../origin/origin.ts'

/** What middleware finds in a request's context. */
export type Env = {
  Bindings: HttpBindings
  Variables: {
    /** Ours for this request: `req-<uuid>`, in logs, in answers of our own, and in the upstream's log as the global id. */
    requestId: string
    caller: Caller
  }
}
