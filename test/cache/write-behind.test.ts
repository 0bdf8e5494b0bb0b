import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { WriteBehind } from '../../src/cache/write-behind.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { beginFill, openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { pattern } from '../support/upstream-bytes.ts'

/** A disk that syncs when it is told to; `calls` are the syncs under way, oldest first. */
function scene() {
  const calls: PromiseWithResolvers<void>[] = []
  const synced: number[] = []
  const failures: unknown[] = []
  const behind = new WriteBehind({
    datasync: () => {
      const call = Promise.withResolvers<void>()
      calls.push(call)
      return call.promise
    },
    onSynced: (position) => synced.push(position),
    onFailed: (error) => failures.push(error),
    stepBytes: 10,
    mostBytes: 30,
  })
  return { behind, calls, synced, failures }
}

/** Writes a byte at a time, as far as there is room; gives how far it is. */
function writer(behind: WriteBehind, size: number) {
  const state = { written: 0, done: Promise.resolve() }
  state.done = (async () => {
    while (state.written < size) {
      await behind.room(state.written)
      behind.wrote(++state.written)
    }
  })()
  return state
}

const called = (calls: readonly unknown[], count: number) => eventually(() => calls.length === count, `sync ${count}`)

describe('writing behind', () => {
  test('what is not on the disk stays within its bound, however slow the disk, and one sync is under way', async () => {
    const { behind, calls, synced } = scene()
    const state = writer(behind, 100)
    let most = 0
    for (let sync = 1; synced.at(-1) !== 100 && sync < 20; sync++) {
      await called(calls, sync)
      // All that may be written while the disk is at work has been.
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, state.written - behind.synced)
      assert.ok(state.written - behind.synced <= 30, `${state.written} written, ${behind.synced} synced`)
      calls[sync - 1]?.resolve()
      await eventually(() => synced.length === sync, `the end of sync ${sync}`)
      if (state.written === 100 && 100 - behind.synced < 10) break
    }
    await deadline(state.done, 'the writer ends')
    assert.equal(most, 30)
    assert.ok(100 - behind.synced < 10, 'the last sync is short')
    assert.equal(calls.length, synced.length)
  })

  test('a disk that keeps up never makes the writer wait', async () => {
    const { behind, calls, synced } = scene()
    const state = writer(behind, 25)
    await deadline(state.done, 'the writer ends')
    assert.equal(calls.length, 1)
    calls[0]?.resolve()
    await called(calls, 2)
    calls[1]?.resolve()
    await eventually(() => synced.length === 2, 'the second sync')
    assert.equal(synced.at(-1), 25)
  })

  test('a failing sync is reported once, and holds nobody', async () => {
    const { behind, calls, failures, synced } = scene()
    const state = writer(behind, 100)
    await called(calls, 1)
    const full = new Error('I/O error')
    calls[0]?.reject(full)
    await deadline(state.done, 'the writer ends')
    assert.deepEqual(failures, [full])
    assert.deepEqual([calls.length, synced], [1, []])
  })

  test('the end waits for the sync under way and begins none', async () => {
    const { behind, calls, synced } = scene()
    behind.wrote(10)
    await called(calls, 1)
    behind.wrote(29)
    let isOver = false
    const end = behind.end().then(() => {
      isOver = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(isOver, false)
    calls[0]?.resolve()
    await deadline(end, 'the end')
    behind.wrote(60)
    assert.deepEqual([calls.length, synced], [1, [10]])
  })

  test('two fills are synced one after the other', async () => {
    const [one, two] = [scene(), scene()]
    one.behind.wrote(10)
    two.behind.wrote(10)
    await called(one.calls, 1)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(two.calls.length, 0)
    one.calls[0]?.resolve()
    await called(two.calls, 1)
    two.calls[0]?.resolve()
    await eventually(() => two.synced.length === 1, 'the second one')
  })
})

test('a fill is sent to the disk while it arrives, not only at its end', async (t) => {
  const { cache, layout, up } = await openImageCache(t)
  const id = imageId(1)
  up.addImage({ id, bytes: pattern(96 << 20) })
  // The real call still runs: this only writes down of which file.
  const probe = await open(layout.spaceLock)
  const handles: { datasync(): Promise<void> } = Object.getPrototypeOf(probe)
  const { datasync } = handles
  const synced: string[] = []
  t.mock.method(handles, 'datasync', function (this: { fd: number; datasync(): Promise<void> }) {
    synced.push(readlinkSync(`/proc/self/fd/${this.fd}`))
    return datasync.call(this)
  })
  await probe.close()
  const fill = await beginFill(cache, id)
  assert.equal(await deadline(fill.done, 'the fill ends', 60_000), 'committed')
  assert.ok(synced.length >= 1)
  for (const path of synced) assert.equal(path, layout.incomplete(id))
})
