import type { Target } from '../client/target.ts'
import type { Image } from '../images.ts'
import { downloadPath } from '../site.ts'

/** Where an image is downloaded from the store, or from a cache in front of it. The store lets every token in. */
export function storeTarget(port: number, image: Image): Target {
  return { port, path: downloadPath(image), header: 'X-Auth-Token: bench' }
}
