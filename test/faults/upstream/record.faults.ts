import { breaks } from './answers/breaks.ts'
import { delays } from './answers/delays.ts'
import { codings } from './answers/fields.ts'
import { chunkFaults, lengthFaults, tails } from './answers/framing.ts'
import { heads } from './answers/heads.ts'
import { interim } from './answers/interim.ts'
import { recordFaults } from './answers/records.ts'
import { refusals } from './answers/statuses.ts'
import { runCases } from './run-cases.ts'

runCases(
  'record',
  [
    ...recordFaults,
    ...breaks,
    ...delays,
    ...tails,
    ...heads,
    ...interim,
    ...lengthFaults,
    ...chunkFaults,
    ...codings,
    ...refusals,
  ],
  { sampled: 8 },
)
