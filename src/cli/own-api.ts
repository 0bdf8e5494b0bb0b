import type { ApiClient, Method } from './api-client.ts'
import { CommandFailed, StatusError } from './errors.ts'

/** Asks Afterimage's own API, which a Glance does not have. `path` is without `/api/v1/cache`. */
export async function askOwn(client: ApiClient, method: Method, path: string): Promise<unknown> {
  try {
    return await client.ask(method, `/api/v1/cache${path}`)
  } catch (error) {
    if (!lacksPath(error)) throw error
    throw new CommandFailed(
      `${client.address.url} is no Afterimage whose cache may be managed: this command is beyond Glance's own API.`,
      { cause: error },
    )
  }
}

/** The same about one image; undefined when the server knows nothing of it. */
export async function askOwnOfImage(client: ApiClient, method: Method, id: string, rest = ''): Promise<unknown> {
  try {
    return (await client.ask(method, `/api/v1/cache/images/${id}${rest}`)) ?? null
  } catch (error) {
    if (!lacksPath(error)) throw error
    // Is it the image that is unknown, or the path? What is there in any case says so.
    await askOwn(client, 'GET', '/queue')
    return undefined
  }
}

/** Glance says 300 to a version it does not know, other servers say 404. */
function lacksPath(error: unknown): boolean {
  return error instanceof StatusError && (error.status === 404 || error.status === 300)
}
