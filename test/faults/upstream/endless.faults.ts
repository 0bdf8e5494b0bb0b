import assert from 'node:assert/strict'
import { after } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isSample } from '../matrix/sample.ts'
import { figure } from '../matrix/seen.ts'
import { endlessBodies, endlessHeads, overflowing } from './answers/endless.ts'
import type { Fault } from './answers/fault.ts'
import { runCases } from './run-cases.ts'
import type { Scene } from './scene.ts'

const mebi = 1 << 20

/** The kernel's buffers of one connection, and what is looked at before it is refused. */
const takenMost = 16 * mebi

/** What may be alive more than before, while up to 64 MB/s arrive. */
const aliveMost = 32 * mebi

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')
assert(typeof collect === 'function')

function alive(): number {
  if (typeof collect === 'function') collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

let most = 0
let pouredMost = 0

/** Memory does not grow with what comes; and of what is refused for its size, not much is taken. */
async function around(run: () => Promise<void>, { store }: Scene, fault: Fault): Promise<void> {
  const before = alive()
  let mostHere = 0
  let timer: NodeJS.Timeout
  const look = () => {
    const began = performance.now()
    mostHere = Math.max(mostHere, alive() - before)
    // Looking must not keep the machine from what is looked at.
    timer = setTimeout(look, 150 + 10 * (performance.now() - began))
  }
  timer = setTimeout(look, 150)
  try {
    await run()
  } finally {
    clearTimeout(timer)
  }
  const poured = Math.max(0, ...store.poured.values())
  store.poured.clear()
  most = Math.max(most, mostHere)
  pouredMost = Math.max(pouredMost, poured)
  assert(mostHere < aliveMost, `${Math.round(mostHere / mebi)} MiB more are alive`)
  const isBoundInTime = ['silent', 'unending'].includes(fault.effect)
  assert(isBoundInTime || poured <= takenMost, `${poured} bytes were taken`)
}

after(() => {
  if (isSample) return
  figure({ area: 'upstream', name: 'most memory alive for an endless answer', value: `${Math.ceil(most / mebi)} MiB` })
  const value = `${Math.ceil(pouredMost / mebi)} MiB`
  figure({ area: 'upstream', name: 'longest endless answer until the idle time was over', value })
})

// One after the other, so that what is measured is of one answer.
const options = { together: 1, driver: 'any', around, flags: ['--origin-idle-timeout=1'] } as const
const all = [...endlessHeads, ...endlessBodies]

runCases('first', [...all, ...overflowing], { ...options, sampled: 2 })
runCases('large', overflowing, { ...options, sampled: 1 })
runCases('record', [...all, ...overflowing], { ...options, sampled: 1 })
for (const step of ['rest', 'question'] as const) runCases(step, all, { ...options, sampled: 1 })
for (const step of ['part', 'other'] as const)
  runCases(
    step,
    all.filter(({ effect }) => effect !== 'silent'),
    { ...options, sampled: 1 },
  )
