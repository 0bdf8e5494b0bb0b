import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  claim,
  createReadQueue,
  finish,
  finishedCount,
  resultOf,
  submit,
  untilFinished,
} from '../../src/cache/read-queue.ts'
import { deadline } from '../support/deadline.ts'

test('requests are claimed in the order in which they were submitted, with their fields', () => {
  const queue = createReadQueue(4, 1024)
  for (const buffer of [2, 0, 3, 1]) submit(queue, buffer, 10 + buffer, 2 ** 40 + buffer, 100 + buffer)
  for (const buffer of [2, 0, 3, 1]) {
    assert.equal(claim(queue), buffer)
    const fields = queue.requests.subarray(buffer * 3, buffer * 3 + 3)
    assert.deepEqual([...fields], [10 + buffer, 2 ** 40 + buffer, 100 + buffer])
  }
})

test('a result is what the thread said: bytes, none at the end of the file, or an errno', () => {
  const queue = createReadQueue(4, 1024)
  for (const [buffer, result] of [
    [0, 1024],
    [1, 0],
    [2, -5],
    [3, 1],
  ] as const) {
    submit(queue, buffer, 3, 0, 1024)
    assert.equal(resultOf(queue, buffer), undefined)
    finish(queue, claim(queue), result)
    assert.equal(resultOf(queue, buffer), result)
  }
})

test('a buffer that is submitted again has no result yet', () => {
  const queue = createReadQueue(1, 1024)
  for (let round = 0; round < 10; round++) {
    submit(queue, 0, 3, round, 10)
    assert.equal(resultOf(queue, 0), undefined)
    finish(queue, claim(queue), round + 1)
    assert.equal(resultOf(queue, 0), round + 1)
  }
})

test('a read finished before the wait begins ends it at once', async () => {
  const queue = createReadQueue(2, 1024)
  const seen = finishedCount(queue)
  submit(queue, 1, 3, 0, 10)
  finish(queue, claim(queue), 10)
  await deadline(untilFinished(queue, seen), 'the wait')
})

test('a read finished during the wait ends it', async () => {
  const queue = createReadQueue(2, 1024)
  submit(queue, 1, 3, 0, 10)
  const wait = untilFinished(queue, finishedCount(queue))
  finish(queue, claim(queue), 10)
  await deadline(wait, 'the wait')
})

test('the order survives the overflow of its counters', () => {
  for (const start of [2 ** 31 - 3, -3]) {
    const queue = createReadQueue(8, 1024)
    // As after four thousand million reads: the counters are 32 bits wide, and signed.
    queue.counters.fill(start)
    const all = [5, 1, 7, 0, 2, 4, 6, 3]
    for (let round = 0; round < 10; round++) {
      for (const buffer of all) submit(queue, buffer, 3, 0, 10)
      for (const buffer of all) assert.equal(claim(queue), buffer, `round ${round} from ${start}`)
    }
  }
})
