import { breaks } from './answers/breaks.ts'
import { falseBytes } from './answers/bytes.ts'
import { delays } from './answers/delays.ts'
import { codings, fieldFaults, identityFaults } from './answers/fields.ts'
import { chunkFaults, lengthFaults, tails } from './answers/framing.ts'
import { heads } from './answers/heads.ts'
import { interim } from './answers/interim.ts'
import { rangeFaults } from './answers/ranges.ts'
import { refusals } from './answers/statuses.ts'
import { runCases } from './run-cases.ts'

const shared = [
  ...breaks,
  ...delays,
  ...tails,
  ...heads,
  ...interim,
  ...lengthFaults,
  ...chunkFaults,
  ...codings,
  ...falseBytes,
  ...refusals,
]

runCases('part', [...shared, ...fieldFaults, ...identityFaults, ...rangeFaults], { sampled: 6, driver: 'any' })
runCases('other', shared, { sampled: 6, driver: 'any' })
