import { breaks } from './answers/breaks.ts'
import { falseBytes } from './answers/bytes.ts'
import { delays } from './answers/delays.ts'
import { codings, identityFaults } from './answers/fields.ts'
import { chunkFaults, tails } from './answers/framing.ts'
import { heads } from './answers/heads.ts'
import { otherSuccesses, sizeFaults } from './answers/sizes.ts'
import { refusals } from './answers/statuses.ts'
import { runCases } from './run-cases.ts'

const some = [...heads.slice(0, 3), ...codings.slice(0, 1), ...refusals.slice(1, 4), ...identityFaults]

runCases(
  'crowd',
  [
    ...breaks,
    ...delays,
    ...tails,
    ...chunkFaults,
    ...falseBytes,
    ...sizeFaults,
    ...otherSuccesses.slice(0, 3),
    ...some,
  ],
  { sampled: 4, together: 4 },
)
