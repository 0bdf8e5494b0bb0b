import { setTimeout as delay } from 'node:timers/promises'
import type { Caller, ImageRecord } from '../origin/origin.ts'
import type { FileReader } from './file-reader.ts'
import type { Files } from './files.ts'
import { type FillFacts, readFillRecord } from './fill-record.ts'
import type { Following } from './following.ts'
import { heldBackBytes } from './growing-file.ts'
import type { Layout } from './layout.ts'
import { tryLockShared, unlock } from './lock.ts'
import type { ImageReader, Lease } from './reader.ts'
import { ReadFailed } from './reader.ts'
import { type SharedFile, shareFile, spanOf } from './shared-file.ts'

/** How often another process's progress is looked at. */
const pollMs = 20

export type ForeignTools = Readonly<{
  layout: Layout
  files: Files
  fileReader: FileReader
  holdBack: boolean
  /** Without progress for this long the reader goes upstream by itself (ms). */
  idleMs: number
}>

/** How often somebody looks who only waits for its end. */
const endPollMs = 100

/** A fill of another process. `open` or `committed` is called, once: it lets go of the file. */
export interface ForeignFill extends Following {
  /**
   * Resolves with true when the image has been committed, with false when its process is gone or gave it up. Rejects
   * when there was no progress for `idleMs`, and when the signal is aborted.
   */
  committed(signal: AbortSignal): Promise<boolean>
}

/**
 * Follows an image that another process is filling, instead of downloading it again. undefined when there is none (any
 * more), or what is being filled is not the image that `record` describes.
 */
export async function followForeign(
  tools: ForeignTools,
  id: string,
  record: ImageRecord & { size: number },
): Promise<ForeignFill | undefined> {
  const handle = await tools.files.openIncomplete(id)
  if (handle === undefined) return undefined
  const [{ ino }, filling] = await Promise.all([handle.stat(), readFillRecord(tools.layout, id)]).catch(
    async (error: unknown) => {
      await handle.close()
      throw error
    },
  )
  const facts = filling?.facts
  const same =
    facts?.inode === ino &&
    facts.size === record.size &&
    facts.hashValue === record.hashValue &&
    facts.md5 === record.md5 &&
    facts.updatedAt === record.updatedAt
  if (!same) {
    await handle.close()
    return undefined
  }
  const file = shareFile(handle)
  let received = filling?.progress.watermark ?? 0
  return {
    record,
    get received() {
      return received
    },
    proven: false,
    ended: false,
    open: (end: number, _caller: Caller) => foreignReader(tools, id, file, facts, end),
    committed: (signal) =>
      whenCommitted(tools, id, file, ino, signal, async () => {
        const now = await readFillRecord(tools.layout, id)
        if (now?.facts.inode === ino) received = Math.max(received, now.progress.watermark)
        return received
      }),
  }
}

async function whenCommitted(
  { files, idleMs }: ForeignTools,
  id: string,
  file: SharedFile,
  inode: number,
  signal: AbortSignal,
  look: () => Promise<number>,
): Promise<boolean> {
  try {
    let seen = 0
    let since = Date.now()
    for (;;) {
      if (await files.isCommitted(id, inode)) return true
      if (tryLockShared(file.fd)) return await files.isCommitted(id, inode)
      const received = await look()
      if (received > seen) since = Date.now()
      else if (Date.now() - since > idleMs) {
        throw new Error(`another process fills the image, and made no progress for ${idleMs} ms`)
      }
      seen = received
      await delay(endPollMs, undefined, { signal })
    }
  } finally {
    file.drop()
  }
}

function foreignReader(
  tools: ForeignTools,
  id: string,
  file: SharedFile,
  { inode, size, startAt }: FillFacts,
  end: number,
): ImageReader {
  // Bytes from an earlier life can only be proven by the fill itself: without it nobody may complete them.
  const lost = startAt > 0 ? 'wrong' : 'cache'
  let open = true
  let committed = false
  let limit = 0

  /** What may be given out now. Only a file that *is* `<id>` has been proven: then all of it. */
  async function look(): Promise<void> {
    committed ||= await tools.files.isCommitted(id, inode)
    if (committed) {
      limit = end
      return
    }
    const filling = await readFillRecord(tools.layout, id)
    if (filling?.facts.inode !== inode) return
    limit = Math.min(filling.progress.watermark, tools.holdBack ? end - heldBackBytes : end)
  }

  /** The owner's lock ends with it. A lock that we can have, on a file that was not committed, means nobody goes on. */
  async function ownerIsGone(): Promise<boolean> {
    if (!tryLockShared(file.fd)) return false
    await look()
    if (committed) return false
    unlock(file.fd)
    return true
  }

  async function wait(position: number): Promise<void> {
    let seen = limit
    let since = Date.now()
    for (;;) {
      await look()
      if (!open) throw new ReadFailed('closed', 'the reader is closed')
      if (position < limit) return
      if (await ownerIsGone()) throw new ReadFailed(lost, 'the process that filled the image is gone')
      if (limit > seen) {
        seen = limit
        since = Date.now()
      } else if (Date.now() - since > tools.idleMs) {
        throw new ReadFailed(lost, `no progress of the filling process for ${tools.idleMs} ms`)
      }
      await delay(pollMs)
    }
  }

  async function read(position: number, max: number): Promise<Lease> {
    if (position >= limit) await wait(position)
    file.hold()
    try {
      return await tools.fileReader.read(file.fd, position, Math.min(max, limit - position))
    } catch (cause) {
      throw new ReadFailed(lost, `cannot read the growing file at ${position}`, { cause })
    } finally {
      file.drop()
    }
  }

  return {
    size,
    read,
    span: (position, max) => (open && position < limit ? spanOf(file, Math.min(position + max, limit)) : undefined),
    close() {
      if (!open) return
      open = false
      file.drop()
    },
  }
}
