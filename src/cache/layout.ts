import { join } from 'node:path'
import { mkdir, open } from '../disk/disk.ts'
import { isImageId } from './image-id.ts'

/**
 * Where everything lies below `image_cache_dir`. The first four places are Glance's own, so that a directory can be
 * taken over from Glance and given back; what is only ours lives in `.afterimage/`, which Glance never looks at.
 */
export interface Layout {
  readonly dir: string
  readonly incompleteDir: string
  readonly invalidDir: string
  readonly queueDir: string
  readonly fillsDir: string
  /** What more is known of queue entries; see management/queue.ts. */
  readonly queueNotesDir: string
  /** What is only ours. */
  readonly ownDir: string
  /** Serialises summing, evicting and reserving among all processes. */
  readonly spaceLock: string
  /** Held by everybody who works on the directory; see use-lock.ts. */
  readonly useLock: string
  /** One byte for each image that somebody is asking the upstream for; see lead-turns.ts. */
  readonly leadLock: string
  /** Held by the one server of the directory that verifies in the background. */
  readonly scrubLock: string
  committed(id: string): string
  incomplete(id: string): string
  invalid(id: string): string
  queued(id: string): string
  /** What is being filled into `incomplete/<id>`: size, digests, watermark. See fill-record.ts. */
  fillRecord(id: string): string
  /** Why `queue/<id>` is still there. */
  queueNote(id: string): string
}

/** The last line of defence: whoever forgot to check an id does not get a path of it. */
function checked(id: string): string {
  if (!isImageId(id)) throw new Error(`not an image id: ${JSON.stringify(id.slice(0, 100))}`)
  return id
}

/** Creates what is missing (directories 0750: image bytes are not for everybody) and gives the paths. */
export async function openLayout(dir: string): Promise<Layout> {
  const ours = join(dir, '.afterimage')
  const layout = {
    dir,
    incompleteDir: join(dir, 'incomplete'),
    invalidDir: join(dir, 'invalid'),
    queueDir: join(dir, 'queue'),
    fillsDir: join(ours, 'fills'),
    queueNotesDir: join(ours, 'queue'),
    ownDir: ours,
    spaceLock: join(ours, 'space.lock'),
    useLock: join(ours, 'use.lock'),
    leadLock: join(ours, 'lead.lock'),
    scrubLock: join(ours, 'scrub.lock'),
    committed: (id: string) => join(dir, checked(id)),
    incomplete: (id: string) => join(layout.incompleteDir, checked(id)),
    invalid: (id: string) => join(layout.invalidDir, checked(id)),
    queued: (id: string) => join(layout.queueDir, checked(id)),
    fillRecord: (id: string) => join(layout.fillsDir, checked(id)),
    queueNote: (id: string) => join(layout.queueNotesDir, checked(id)),
  }
  const { incompleteDir, invalidDir, queueDir, fillsDir, queueNotesDir } = layout
  for (const place of [dir, incompleteDir, invalidDir, queueDir, fillsDir, queueNotesDir]) {
    await mkdir(place, { recursive: true, mode: 0o750 })
  }
  // Made while there is room: a file system without a free inode must not keep anybody from asking for space.
  for (const lock of [layout.spaceLock, layout.leadLock]) await (await open(lock, 'a', 0o640)).close()
  return layout
}
