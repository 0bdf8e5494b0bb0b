import type { Exchange } from './exchange.ts'

/** What middleware finds in a request's context, as `c.env`. */
export type Env = { Bindings: Exchange }
