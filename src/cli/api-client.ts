import { readShort } from '../origin/upstream/exchange-body.ts'
import { valuesOf } from '../origin/upstream/hop-by-hop.ts'
import { openUpstream } from '../origin/upstream/upstream.ts'
import { CommandFailed, StatusError } from './errors.ts'
import { explanation } from './explanation.ts'
import type { Reach } from './keystone-token.ts'
import type { ServerAddress } from './server-address.ts'
import type { TokenSource } from './token-source.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE'

/** One image API's server, asked in the name of one user. */
export interface ApiClient extends AsyncDisposable {
  readonly address: ServerAddress
  /**
   * The parsed JSON body of a 2xx answer, undefined when it is empty. Rejects with a StatusError for any other answer,
   * another Error when there is none, or no token to be had.
   */
  ask(method: Method, path: string): Promise<unknown>
}

/** Some millions of images. */
const bodyMost = 512 * 1024 * 1024
/** A server that hashes a large image, or removes many, says nothing meanwhile. */
const workMs = 6 * 3_600_000

export function openApiClient(address: ServerAddress, tokens: TokenSource, reach: Reach): ApiClient {
  const server = openUpstream({
    what: 'image API',
    url: address.url,
    cafile: reach.cafile,
    cafileOption: '--os-cacert',
    insecure: reach.insecure,
    connectTimeoutMs: 10_000,
    idleTimeoutMs: 120_000,
  })

  async function exchange(method: Method, path: string, token: string | undefined) {
    const began = performance.now()
    const answer = await server.send({
      method,
      target: `${server.prefix}${path}`,
      headers: [
        ['User-Agent', 'afterimage-cache-manage'],
        ...(token === undefined ? [] : [['X-Auth-Token', token] as const]),
      ],
      ...(method === 'GET' ? {} : { answerTimeoutMs: workMs }),
    })
    const body = await readShort(answer, bodyMost)
    reach.trace(`${method} ${address.url}${path} -> ${answer.status} (${Math.round(performance.now() - began)} ms)`)
    return { status: answer.status, headers: answer.headers, body }
  }

  return {
    address,
    async ask(method, path) {
      const token = await tokens.token()
      let answer = await exchange(method, path, token)
      if (answer.status === 401) {
        const renewed = await tokens.renew()
        if (renewed !== undefined) answer = await exchange(method, path, renewed)
      }
      const { status, headers, body } = answer
      const text = body.bytes.toString('utf8')
      if (status >= 300 && status < 400) {
        // Not followed: the token is for this server alone.
        const location = valuesOf(headers, 'location')[0]
        const where = location === undefined ? '' : ` The server redirects to ${location}: name it with --url.`
        throw new StatusError(status, where.trim(), `${method} ${path}`)
      }
      if (status >= 400) throw new StatusError(status, explanation(text), `${method} ${path}`)
      if (!body.whole) throw new CommandFailed(`${server.where}: an answer of more than ${bodyMost} bytes to ${path}`)
      return parsed(text, `${method} ${address.url}${path}`)
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

function parsed(text: string, what: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new CommandFailed(`${what}: the answer is not JSON; this is no image API.`, { cause })
  }
}
