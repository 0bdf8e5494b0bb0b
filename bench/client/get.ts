import { once } from 'node:events'
import { type IncomingMessage, type OutgoingHttpHeaders, get as request } from 'node:http'

/** One request over a connection of its own: none is left open that a server would wait for when it ends. */
export async function get(url: string, headers: OutgoingHttpHeaders = {}): Promise<IncomingMessage> {
  const outgoing = request(url, { headers, agent: false, timeout: 60_000 })
  outgoing.on('timeout', () => outgoing.destroy(new Error(`${url} is silent`)))
  const [response] = await once(outgoing, 'response')
  return response
}

/** The whole body of an answer, or undefined when there is no such thing (404). Rejects when it is neither. */
export async function getText(url: string): Promise<string | undefined> {
  const response = await get(url)
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  if (response.statusCode === 404) return undefined
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`)
  return Buffer.concat(pieces).toString()
}
