import { eventLoop } from './rows/event-loop.ts'
import { hitCold } from './rows/hit-cold.ts'
import { hitLarge } from './rows/hit-large.ts'
import { hitSmall } from './rows/hit-small.ts'
import { missAlone, missTogether } from './rows/miss.ts'
import { pacedCrowd } from './rows/paced-crowd.ts'
import type { Row } from './rows/row.ts'
import { scaleRow } from './rows/scale.ts'
import { slowReadersOfFill, slowReadersOfHit } from './rows/slow-readers.ts'
import { sparseHit } from './rows/sparse.ts'
import { workersCrowd } from './rows/workers-crowd.ts'

/** Every row, in the order of the report. */
export const rows: readonly Row[] = [
  hitLarge(1),
  hitLarge(8),
  hitCold,
  hitSmall(1),
  hitSmall(8),
  missAlone,
  missTogether,
  pacedCrowd,
  workersCrowd,
  sparseHit,
  slowReadersOfHit,
  slowReadersOfFill,
  eventLoop,
  scaleRow,
]
