import { breaks } from './answers/breaks.ts'
import { falseBytes } from './answers/bytes.ts'
import { codings, identityFaults } from './answers/fields.ts'
import { chunkFaults, lengthFaults, tails } from './answers/framing.ts'
import { heads } from './answers/heads.ts'
import { otherSuccesses, sizeFaults } from './answers/sizes.ts'
import { refusals } from './answers/statuses.ts'
import { runCases } from './run-cases.ts'

runCases(
  'prefetch',
  [
    ...breaks,
    ...tails,
    ...heads,
    ...lengthFaults,
    ...chunkFaults,
    ...codings,
    ...identityFaults,
    ...falseBytes,
    ...sizeFaults,
    ...otherSuccesses,
    ...refusals,
  ],
  { sampled: 4, together: 12, flags: ['--cache-prefetch-concurrency=16'] },
)
