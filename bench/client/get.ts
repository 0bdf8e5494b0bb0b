import { once } from 'node:events'
import { type IncomingMessage, type OutgoingHttpHeaders, get as request } from 'node:http'

/** One request over a connection of its own: none is left open that a server would wait for when it ends. */
export async function get(url: string, headers: OutgoingHttpHeaders = {}): Promise<IncomingMessage> {
  const outgoing = request(url, { headers, agent: false, timeout: 60_000 })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`${url} is silent`)))
  const [response] = await once(outgoing, 'response')
  return response
}
