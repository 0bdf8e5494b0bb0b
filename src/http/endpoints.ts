import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller } from '../origin/origin.ts'

/** One request to manage the cache, after who sent it was found to be allowed to. */
export type ManagementRequest = Readonly<{
  incoming: IncomingMessage
  outgoing: ServerResponse
  caller: Caller
  /** The part of the path that names an image, as it came; '' where the path has none. Not checked. */
  id: string
}>

/** What is done for a method of an endpoint. */
export type Action = Readonly<{
  /** Glance's name of the policy that it takes: it is what a refusal speaks of. */
  policy: string
  run(request: ManagementRequest): Promise<void> | void
}>

export type Endpoint = Readonly<{
  /** Matched on the raw path; its group, if there is one, is the image's id. */
  path: RegExp
  /** By method, in the order of `Allow`. */
  methods: Readonly<Record<string, Action>>
}>

/** A family of endpoints below paths that are ours altogether. */
export type EndpointFamily = Readonly<{
  /** Every raw path that never goes to the image store. */
  owns: RegExp
  /** The first one whose path matches counts. */
  endpoints: readonly Endpoint[]
  /** What another method is answered, HEAD too. */
  otherMethods: 404 | 405
}>
