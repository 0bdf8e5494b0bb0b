import { checkWholeImage, downloadHeaders } from '../client/whole-image.ts'
import { waitUntil } from '../deadline.ts'
import type { Image } from '../images.ts'
import type { Peer } from '../peers/peer.ts'

/** What each server has delivered byte for byte: once is enough, and twenty minutes are not to be spent on hashing. */
const delivered = new WeakMap<Peer, Set<Image>>()

/** The server has delivered the image once, unmeasured and with its digest checked, and has it on its disk now. */
export async function warm(peer: Peer, image: Image): Promise<void> {
  const target = peer.target(image)
  const isHit = async () => peer.isHit(await downloadHeaders(target))
  const images = delivered.get(peer) ?? new Set()
  if (images.has(image) && (await isHit())) return
  await checkWholeImage(target, image)
  delivered.set(peer, images.add(image))
  await waitUntil(`${target.path} to be a hit`, 60, isHit)
}
