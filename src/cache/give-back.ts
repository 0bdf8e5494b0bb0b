import type { Files, Owned } from './files.ts'

/**
 * Ends a claim under which nothing was written. What the claim itself has made, an empty file, goes; a fill that can be
 * gone on with stays. Whatever fails, the lock ends: without that nobody could fill the image as long as this process
 * lives.
 */
export async function giveBack(files: Pick<Files, 'discard'>, owned: Owned): Promise<void> {
  try {
    if (owned.size === 0) await files.discard(owned)
  } finally {
    await owned.handle.close()
  }
}
