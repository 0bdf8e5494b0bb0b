import { hitLarge } from './rows/hit-large.ts'
import { hitSmall } from './rows/hit-small.ts'
import { missAlone, missTogether } from './rows/miss.ts'
import type { Row } from './rows/row.ts'
import { slowReaders } from './rows/slow-readers.ts'

/** Every row, in the order of the report. */
export const rows: readonly Row[] = [
  hitLarge(1),
  hitLarge(8),
  hitSmall(1),
  hitSmall(8),
  missAlone,
  missTogether,
  slowReaders,
]
