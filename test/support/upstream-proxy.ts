import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import type { Origin, Relayed, RelayOptions } from '../../src/origin/origin.ts'
import { callerFields } from '../../src/origin/upstream/hop-by-hop.ts'
import { eventually } from './deadline.ts'
import type { ScriptedUpstream } from './scripted-upstream.ts'
import { type Options, scripted } from './upstream-glance.ts'

/** A bare server that relays everything, as the real one does with what is not its own. */
export type Proxy = Readonly<{
  up: ScriptedUpstream
  port: number
  relayed: Relayed[]
  settled(count: number): Promise<Relayed[]>
}>

export type RelayUnderTest = (
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  options: RelayOptions,
) => Promise<Relayed>

/** Puts a server in front of a relay function. */
export async function serveRelay(
  t: TestContext,
  relay: RelayUnderTest,
  more: Partial<RelayOptions> = {},
): Promise<Omit<Proxy, 'up'>> {
  const relayed: Relayed[] = []
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const headers = callerFields(incoming.rawHeaders, {
      pseudonym: 'cache-under-test',
      httpVersion: incoming.httpVersion,
      clientAddress: incoming.socket.remoteAddress,
      scheme: 'http',
      host: incoming.headers.host,
      requestId: 'req-of-ours',
    })
    const caller = { headers, host: incoming.headers.host, key: undefined, query: '' }
    // Never rejects: an unhandled rejection fails the test.
    void relay(incoming, outgoing, { caller, ...more }).then((result) => relayed.push(result))
  }
  const server = createServer({ requestTimeout: 0, maxHeaderSize: 65_536 }, handle).on('checkContinue', handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  return {
    port: address.port,
    relayed,
    async settled(count) {
      await eventually(() => relayed.length >= count, `${count} relayed exchanges to be over`)
      return relayed
    },
  }
}

/** A scripted upstream, the Glance origin in front of it and a relaying server in front of that. */
export async function startProxy(
  t: TestContext,
  options: Options & Readonly<{ more?: Partial<RelayOptions> }> = {},
): Promise<Proxy & { glance: Origin }> {
  const { up, glance } = await scripted(t, options)
  const proxy = await serveRelay(
    t,
    (incoming, outgoing, given) => glance.relay(incoming, outgoing, given),
    options.more,
  )
  return { up, glance, ...proxy }
}
