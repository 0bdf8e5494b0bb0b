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

/** What is done for a method of an endpoint, with the tools `T` of the process that does it. */
export type Action<T> = Readonly<{
  /** Glance's name of the policy that it takes: it is what a refusal speaks of. */
  policy: string
  run(request: ManagementRequest, tools: T): Promise<void> | void
}>

export type Endpoint<T> = Readonly<{
  /** Matched on the raw path; its group, if there is one, is the image's id. */
  path: RegExp
  /** By method, in the order of `Allow`. */
  methods: Readonly<Record<string, Action<T>>>
}>

/**
 * Does what was asked for, after whoever asked was found to be allowed to: by running the action here, or by leaving it
 * to the process that manages the cache for all.
 */
export type Perform<T> = (action: Action<T>, request: ManagementRequest) => Promise<void> | void

/** A family of endpoints below paths that are ours altogether. */
export type EndpointFamily<T> = Readonly<{
  /** Every raw path that never goes to the image store. */
  owns: RegExp
  /** The first one whose path matches counts. */
  endpoints: readonly Endpoint<T>[]
  /** What another method is answered, HEAD too. */
  otherMethods: 404 | 405
}>
