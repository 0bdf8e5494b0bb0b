import { breaks } from './answers/breaks.ts'
import { falseBytes } from './answers/bytes.ts'
import { delays } from './answers/delays.ts'
import { codings, fieldFaults, identityFaults } from './answers/fields.ts'
import { chunkFaults, lengthFaults, tails } from './answers/framing.ts'
import { heads } from './answers/heads.ts'
import { interim } from './answers/interim.ts'
import { otherSuccesses, sizeFaults } from './answers/sizes.ts'
import { refusals } from './answers/statuses.ts'
import { runCases } from './run-cases.ts'

const data = [...sizeFaults, ...otherSuccesses]
const connections = [...breaks, ...delays, ...tails]
const fields = [...fieldFaults, ...identityFaults, ...codings]

runCases(
  'first',
  [
    ...connections,
    ...heads,
    ...interim,
    ...lengthFaults,
    ...chunkFaults,
    ...fields,
    ...falseBytes,
    ...refusals,
    ...data,
  ],
  { sampled: 12 },
)
runCases('large', [...connections, ...chunkFaults, ...falseBytes, ...data], { sampled: 2 })
