import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { periodically } from '../../src/management/periodically.ts'
import { deadline, eventually } from '../support/deadline.ts'

const noFault = (error: unknown) => assert.fail(String(error))

describe('periodically', () => {
  test('never two at once, and again after the end; a failure is reported and is not the last', async () => {
    let [begun, underWay, most] = [0, 0, 0]
    const faults: unknown[] = []
    let finish = Promise.withResolvers<void>()
    const work = async () => {
      begun++
      most = Math.max(most, ++underWay)
      await finish.promise
      underWay--
      if (begun === 1) throw new Error('no')
    }
    await using _ = periodically(2, work, (error) => faults.push(error))
    await eventually(() => begun === 1, 'it begins')
    let ticks = 0
    const ticking = setInterval(() => ticks++, 2)
    await eventually(() => ticks > 5, 'its time comes again')
    clearInterval(ticking)
    assert.equal(begun, 1)
    finish.resolve()
    finish = Promise.withResolvers()
    await eventually(() => begun === 2, 'it begins again')
    finish.resolve()
    assert.equal(most, 1)
    assert.deepEqual(faults.map(String), ['Error: no'])
  })

  test('disposing aborts what is under way, waits for it, and is the end', async () => {
    let [begun, ended] = [0, 0]
    const work = async (signal: AbortSignal) => {
      begun++
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      ended++
    }
    const timer = periodically(1, work, noFault)
    await eventually(() => begun === 1, 'it begins')
    await deadline(timer[Symbol.asyncDispose](), 'it ends')
    assert.deepEqual([begun, ended], [1, 1])
  })

  test('0 is never; a time that no timer can count is as long as one can', async () => {
    let begun = 0
    const work = async () => begun++
    for (const ms of [0, 2 ** 40]) {
      const timer = periodically(ms, work, noFault)
      let ticks = 0
      const ticking = setInterval(() => ticks++, 1)
      await eventually(() => ticks > 10, 'some time passes')
      clearInterval(ticking)
      await timer[Symbol.asyncDispose]()
    }
    assert.equal(begun, 0)
  })
})
