import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Action, Endpoint, EndpointFamily, Perform } from '../src/http/endpoints.ts'
import type { Env } from '../src/http/env.ts'
import { answerError } from '../src/http/error-page.ts'
import { splitTarget } from '../src/http/image-paths.ts'
import { judge, type ManagementAccess } from '../src/http/management-access.ts'
import { hasBody } from '../src/origin/upstream/relay-upload.ts'

/**
 * Answers a family of management endpoints, in Glance's order: who asks (401), whether there is such an endpoint (404,
 * 405), a body where none belongs (400), whether he may (403); only then is anything looked at or done.
 */
export const manage = <T>(family: EndpointFamily<T>, access: ManagementAccess, perform: Perform<T>) => {
  const answer = async (c: Context<Env>, path: string): Promise<void> => {
    const { incoming, outgoing } = c.env
    const refuse = (status: number, explanation: string, headers: Record<string, string> = {}) =>
      answerError(incoming, outgoing, status, explanation, headers)
    outgoing.setHeader('X-Openstack-Request-Id', c.env.requestId)
    if (access.kind === 'nobody') return refuse(404, 'Caching via API is not supported at this site.')

    const standing = await judge(access, incoming)
    if (typeof standing === 'object') return refuse(standing.status, standing.explanation, standing.headers)
    const method = incoming.method ?? ''
    const found = match(family.endpoints, path)
    const action = found?.actions.get(method)
    if (found !== undefined && action === undefined && family.otherMethods === 405) {
      const Allow = [...found.actions.keys()].join(', ')
      return refuse(405, `The method ${method} is not allowed for this resource.`, { Allow })
    }
    if (found === undefined || action === undefined) return refuse(404, 'The resource could not be found.')
    if (method === 'GET' && hasBody(incoming)) return refuse(400, 'A body is not expected with this request.')
    if (standing !== 'admin') return refuse(403, `You are not authorized to complete ${action.policy} action.`)
    await perform(action, { incoming, outgoing, caller: c.env.caller, id: found.id })
  }
  return createMiddleware<Env>(async function manage(c, next) {
    const { path } = splitTarget(c.env.incoming.url ?? '/')
    // What browsers may do is between them and the image store (CORS).
    if (!family.owns.test(path) || c.env.incoming.method === 'OPTIONS') return next()
    await answer(c, path)
    return RESPONSE_ALREADY_SENT
  })
}

function match<T>(
  endpoints: readonly Endpoint<T>[],
  path: string,
): { actions: ReadonlyMap<string, Action<T>>; id: string } | undefined {
  for (const endpoint of endpoints) {
    const matched = endpoint.path.exec(path)
    // A map: a method is a client's text, and an object has more names than its own.
    if (matched !== null) return { actions: new Map(Object.entries(endpoint.methods)), id: matched[1] ?? '' }
  }
  return undefined
}
