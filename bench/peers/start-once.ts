import type { Site } from '../site.ts'
import type { Peer, PeerKind } from './peer.ts'

/** Gives a running server, the same one each time. Rejects with the reason why it cannot run. */
export type Starter = (kind: PeerKind) => Promise<Peer>

/** Starts each server when the first row wants it, and leaves it running until `cleanup`. */
export function startOnce(site: Site, cleanup: AsyncDisposableStack): Starter {
  const started = new Map<PeerKind, Promise<Peer>>()
  async function start(kind: PeerKind): Promise<Peer> {
    const peer = await kind.start(site)
    cleanup.defer(() => peer.stop())
    return peer
  }
  return (kind) => {
    const peer = started.get(kind) ?? start(kind)
    started.set(kind, peer)
    return peer
  }
}
