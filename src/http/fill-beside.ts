import type { ImageCache } from '../cache/cache.ts'
import type { Caller } from '../origin/origin.ts'

/** Has the image cached while its client is served otherwise. */
export async function fillBeside(
  cache: ImageCache,
  id: string,
  caller: Caller,
  onFault: (error: unknown, image: string) => void,
): Promise<void> {
  const fetched = await cache.fetch(id, caller)
  // How a fill ends is reported where it ends.
  if (fetched.kind === 'failed' && fetched.outcome === undefined) onFault(fetched.error, id)
}
