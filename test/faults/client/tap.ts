import { connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from '../../support/cleanup.ts'
import { type StrictRequest, StrictRequests } from './strict-requests.ts'

/** A line tapped between the cache and the image store: all that the cache sends is read by the letter of the grammar. */
export interface Tap {
  readonly url: string
  /** Whole requests so far, on all connections. */
  readonly requests: readonly StrictRequest[]
  /** Whatever no server may be sent. */
  violations(): string[]
}

export async function startTap(t: TestContext, storeUrl: string): Promise<Tap> {
  const lines: StrictRequests[] = []
  const requests: StrictRequest[] = []
  const { hostname, port } = new URL(storeUrl)
  const server = createServer((socket) => {
    const line = new StrictRequests(requests)
    lines.push(line)
    const store = connect(Number(port), hostname)
    socket.on('data', (bytes: Buffer) => line.feed(bytes))
    socket.pipe(store).pipe(socket)
    socket.on('error', () => store.destroy()).on('close', () => store.destroy())
    store.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the tap has no port')
  cleanup(t, () => new Promise<void>((resolve) => server.close(() => resolve())))
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    violations: () => lines.flatMap(({ violation }) => violation ?? []),
  }
}
