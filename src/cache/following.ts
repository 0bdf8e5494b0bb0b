import type { Caller, ImageRecord } from '../origin/origin.ts'
import type { ImageReader } from './reader.ts'

/** Where a waiting client can follow an image that is not committed yet, in this process or in another. */
export interface Following {
  readonly record: ImageRecord & { size: number }
  /** Bytes that a reader can have at once. */
  readonly received: number
  /** All of it is here and is what it should be; only the commit is still under way. */
  readonly proven: boolean
  /** Too late: it has ended, well or not, and cannot be opened any more. */
  readonly ended: boolean
  /** A reader of a response that ends at `end` (exclusive). */
  open(end: number, caller: Caller): ImageReader
}
