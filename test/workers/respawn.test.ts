import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Respawn } from '../../src/workers/respawn.ts'

test('a worker is replaced at once, then after longer and longer, until one has served for a minute', () => {
  const respawn = new Respawn()
  const pauses = Array.from({ length: 9 }, () => respawn.pauseMs(100))
  assert.deepEqual(pauses, [0, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  assert.equal(respawn.pauseMs(59_999), 30_000)
  assert.equal(respawn.pauseMs(60_000), 0)
  assert.equal(respawn.pauseMs(0), 500)
})
