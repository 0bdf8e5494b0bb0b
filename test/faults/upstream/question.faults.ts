import { breaks } from './answers/breaks.ts'
import { delays } from './answers/delays.ts'
import { codings, fieldFaults, identityFaults } from './answers/fields.ts'
import { chunkFaults, lengthFaults, tails } from './answers/framing.ts'
import { heads } from './answers/heads.ts'
import { interim } from './answers/interim.ts'
import { rangeFaults } from './answers/ranges.ts'
import { refusals } from './answers/statuses.ts'
import { runCases } from './run-cases.ts'

const fields = [...fieldFaults, ...identityFaults, ...codings]

runCases(
  'question',
  [
    ...breaks,
    ...delays,
    ...tails,
    ...heads,
    ...interim,
    ...lengthFaults,
    ...chunkFaults,
    ...fields,
    ...refusals,
    ...rangeFaults,
  ],
  { sampled: 6 },
)
