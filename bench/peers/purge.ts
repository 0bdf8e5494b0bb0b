import { once } from 'node:events'
import { request } from 'node:http'
import type { Image } from '../images.ts'
import { downloadPath } from '../site.ts'

/** Has a cache that knows the method PURGE forget an image. Not to have it is no fault. */
export async function purge(port: number, image: Image): Promise<void> {
  const outgoing = request({ port, host: '127.0.0.1', method: 'PURGE', path: downloadPath(image), agent: false }).end()
  const [response] = await once(outgoing, 'response')
  response.resume()
  await once(response, 'end')
  if (response.statusCode !== 200 && response.statusCode !== 404) {
    throw new Error(`PURGE on port ${port} answered ${response.statusCode}`)
  }
}
