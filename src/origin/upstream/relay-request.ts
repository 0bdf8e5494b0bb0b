import type { IncomingMessage } from 'node:http'
import type { HeaderList, RelayOptions } from '../origin.ts'
import { IllegalRequest } from './exchange-failure.ts'
import { requestFields } from './hop-by-hop.ts'

/**
 * The client's raw request target in the form a server is asked (RFC 9112 3.2.1), dots and percent signs as they came:
 * from the absolute form the authority is taken off.
 */
export function originForm(target: string): string {
  if (target.startsWith('/')) return target
  const absolute = /^https?:\/\/[^/?#]*(.*)$/is.exec(target)
  const rest = absolute?.[1]
  if (rest === undefined) throw new IllegalRequest(`the request target ${JSON.stringify(target)} has no path`)
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** The client's end-to-end fields: those of the caller, then those of this one request. */
export function relayedFields(incoming: IncomingMessage, { caller, dropHeaders = [] }: RelayOptions): HeaderList {
  const dropped = new Set(dropHeaders.map((name) => name.toLowerCase()))
  const all = [...caller.headers, ...requestFields(incoming.rawHeaders)]
  return dropped.size === 0 ? all : all.filter(([name]) => !dropped.has(name.toLowerCase()))
}
