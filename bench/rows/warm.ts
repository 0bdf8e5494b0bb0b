import { checkWholeImage, downloadHeaders } from '../client/whole-image.ts'
import { waitUntil } from '../deadline.ts'
import type { Image } from '../images.ts'
import type { Peer } from '../peers/peer.ts'

/** Downloads the image once, unmeasured and with its digest checked, and waits until the server has it on its disk. */
export async function warm(peer: Peer, image: Image): Promise<void> {
  const target = peer.target(image)
  await checkWholeImage(target, image)
  await waitUntil(`${target.path} to be a hit`, 60, async () => peer.isHit(await downloadHeaders(target)))
}
