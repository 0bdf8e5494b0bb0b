import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readToPrimary, readToWorker } from '../../src/workers/messages.ts'
import { NoticeBoard } from '../../src/workers/notice-board.ts'
import { type Notice, shareOf } from '../../src/workers/place.ts'
import { deadline } from '../support/deadline.ts'

const notice: Notice = { what: 'changed', id: 'x' }

/** A worker that answers when it is told to. */
function worker(board: NoticeBoard) {
  const told: number[] = []
  const reach = { tell: (call: number) => void told.push(call) }
  board.join(reach)
  const answer = (text: string) => board.answer(reach, told.at(-1) ?? 0, text)
  return { reach, told, answer }
}

test('all others are told, and all their answers given', async () => {
  const board = new NoticeBoard()
  const [a, b, c] = [worker(board), worker(board), worker(board)]
  const asked = board.ask(a.reach, notice)
  b.answer('b')
  // An answer counts once, and nobody answers for another.
  b.answer('again')
  a.answer('a')
  c.answer('c')
  assert.deepEqual(await deadline(asked, 'the answers'), ['b', 'c'])
  assert.deepEqual([a.told.length, b.told.length, c.told.length], [0, 1, 1])
})

test('whoever has gone is not waited for, and alone nobody is', async () => {
  const board = new NoticeBoard()
  const [a, b] = [worker(board), worker(board)]
  const asked = board.ask(a.reach, notice)
  board.leave(b.reach)
  assert.deepEqual(await deadline(asked, 'no answers'), [])
  assert.deepEqual(await board.ask(a.reach, notice), [])
})

test('one that does not answer is waited for no longer than a second', async () => {
  const board = new NoticeBoard()
  const [a, b, c] = [worker(board), worker(board), worker(board)]
  const began = performance.now()
  const asked = board.ask(a.reach, notice)
  b.answer('b')
  assert.deepEqual(await deadline(asked, 'the answers'), ['b'])
  assert(performance.now() - began < 2000)
  // Too late: nobody is harmed by it.
  c.answer('c')
})

test('what is no message of ours is none', () => {
  for (const message of [undefined, null, 1, 'end', [], {}, { kind: 'other' }, { kind: 'ask', call: 1 }]) {
    assert.equal(readToPrimary(message), undefined)
    assert.equal(readToWorker(message), undefined)
  }
  for (const wrong of [{ what: 'changed' }, { what: 'condemned', key: 1 }, { what: 'x', id: 'y' }, 'metrics']) {
    assert.equal(readToPrimary({ kind: 'ask', call: 1, notice: wrong }), undefined)
    assert.equal(readToWorker({ kind: 'asked', call: 1, notice: wrong }), undefined)
  }
  assert.deepEqual(readToWorker({ kind: 'asked', call: 1, notice }), { kind: 'asked', call: 1, notice })
})

test('a bound of the whole server is divided, at least one for each', () => {
  const shares = (bound: number, count: number) =>
    Array.from({ length: count }, (_, index) => shareOf(bound, { number: index + 1, count }))
  assert.deepEqual(shares(16, 1), [16])
  assert.deepEqual(shares(16, 3), [6, 5, 5])
  assert.deepEqual(shares(1, 2), [1, 1])
})
