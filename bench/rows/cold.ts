import { waitUntil } from '../deadline.ts'
import { settleDisk } from '../disk.ts'
import type { Image } from '../images.ts'
import type { Peer } from '../peers/peer.ts'

/** Nothing of the image is cached any more, and nothing that was done before is still being written to the disk. */
export async function makeCold(peer: Peer, image: Image, dir: string): Promise<void> {
  await peer.cold(image)
  await settleDisk(dir)
}

/**
 * How many times the upstream sends the image from now until the function it gives is called, undefined where it does
 * not count. The upstream logs an answer after its end, and a miss is one at least: what is no miss rejects.
 */
export async function whatWasFetched({ upstream }: Peer, { size }: Image): Promise<() => Promise<number | undefined>> {
  if (upstream === undefined) return async () => undefined
  const before = await upstream.sentBytes()
  return async () => {
    let fetched = 0
    await waitUntil('the upstream to have sent the image: it was no miss', 5, async () => {
      fetched = (await upstream.sentBytes()) - before
      return fetched >= size
    })
    return fetched / size
  }
}
