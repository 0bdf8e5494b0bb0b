import type { Command } from './command.ts'
import { listCached } from './commands/list-cached.ts'
import { listIncomplete } from './commands/list-incomplete.ts'
import { listQueued } from './commands/list-queued.ts'
import { migrate } from './commands/migrate.ts'
import { pin, unpin } from './commands/pin.ts'
import {
  deleteAllCachedImages,
  deleteAllQueuedImages,
  deleteCachedImage,
  deleteQueuedImage,
  queueImage,
} from './commands/queue-and-delete.ts'
import { show } from './commands/show.ts'
import { verify } from './commands/verify.ts'

/** All commands, Glance's first. */
export const commands: readonly Command[] = [
  listCached,
  listQueued,
  queueImage,
  deleteCachedImage,
  deleteAllCachedImages,
  deleteQueuedImage,
  deleteAllQueuedImages,
  listIncomplete,
  show,
  pin,
  unpin,
  verify,
  migrate,
]
