import { once } from 'node:events'
import { createServer } from 'node:http'

/** A web server with one thing to give. */
export interface WebServer extends AsyncDisposable {
  readonly url: string
}

export async function serve(bytes: Buffer): Promise<WebServer> {
  const server = createServer((_, response) => {
    response.setHeader('content-length', bytes.length)
    response.end(bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the web server has no port')
  return {
    url: `http://127.0.0.1:${address.port}/image`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
