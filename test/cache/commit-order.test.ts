import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { open, readdir, readlink, stat } from 'node:fs/promises'
import { relative } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { Driver } from '../../drivers/driver.ts'
import { tryLockExclusive, unlock } from '../../src/cache/lock.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { beginFill, openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { nobody } from '../support/upstream-glance.ts'

const id = imageId(1)
const bytes = patternBytes(300_000)

type Call = 'prepare' | 'admit'

/** A cache with one image upstream, whose driver tells when it is called. */
async function setUp(t: TestContext, onCall: (operation: Call) => void | Promise<void>) {
  const scene = await openImageCache(t)
  const { driver, up } = scene
  up.addImage({ id, bytes })
  const prepare = driver.prepare.bind(driver)
  const admit = driver.admit.bind(driver)
  Object.assign(driver, {
    async prepare(...facts: Parameters<Driver['prepare']>) {
      await onCall('prepare')
      await prepare(...facts)
    },
    async admit(...entry: Parameters<Driver['admit']>) {
      await onCall('admit')
      await admit(...entry)
    },
  })
  return scene
}

describe('a commit', () => {
  test('rule 5: facts, then the sync of the file, then the name, then the sync of the directory, then the row', async (t) => {
    const order: string[] = []
    let dir = ''
    let committed = ''
    const { layout, cache } = await setUp(t, async (operation) => {
      const named = await stat(committed).catch(() => undefined)
      order.push(`${operation}${named === undefined ? '' : ' of <id>'}`)
    })
    dir = layout.dir
    committed = layout.committed(id)
    // The real sync still runs: this only writes down of which file.
    const probe = await open(layout.spaceLock)
    const handles: { sync(): Promise<void> } = Object.getPrototypeOf(probe)
    const { sync } = handles
    t.mock.method(handles, 'sync', function (this: { fd: number; sync(): Promise<void> }) {
      order.push(`sync ${relative(dir, readlinkSync(`/proc/self/fd/${this.fd}`))}`)
      return sync.call(this)
    })
    await probe.close()
    const fill = await beginFill(cache, id)
    assert.equal(await deadline(fill.done, 'the fill ends'), 'committed')
    assert.deepEqual(order, ['prepare', `sync incomplete/${id}`, 'sync ', 'admit of <id>'])
  })

  test('rule 3: the last bytes go when the digest is proven and do not wait for the disk', async (t) => {
    const hold = Promise.withResolvers<void>()
    let preparing = false
    const { layout, cache } = await setUp(t, async (operation) => {
      if (operation !== 'prepare') return
      preparing = true
      await hold.promise
    })
    const fill = await beginFill(cache, id)
    const reader = fill.open(bytes.length, nobody)
    await eventually(() => preparing, 'the commit has begun')
    const { bytes: last, release } = await deadline(
      Promise.resolve(reader.read(bytes.length - 10, 10)),
      'the last bytes are given while the commit is held up',
    )
    assert.deepEqual(Buffer.from(last), bytes.subarray(-10))
    assert.equal(await stat(layout.committed(id)).catch(() => 'absent'), 'absent')
    release()
    reader.close()
    hold.resolve()
    assert.equal(await deadline(fill.done, 'the fill ends'), 'committed')
  })

  test('rule 12: who still reads what has just been committed keeps it from eviction, and nobody from a hit', async (t) => {
    const { cache, layout } = await setUp(t, () => {})
    const fill = await beginFill(cache, id)
    const reader = fill.open(bytes.length, nobody)
    assert.equal(await deadline(fill.done, 'the fill ends'), 'committed')
    const hit = await cache.open(id)
    assert(hit !== undefined, 'others get a hit meanwhile')
    hit.close()
    await using probe = await open(layout.committed(id), 'r+')
    const isFree = () => {
      if (!tryLockExclusive(probe.fd)) return false
      unlock(probe.fd)
      return true
    }
    // The hit's own lock goes when its file is closed; the reader's must still be there then.
    await eventually(
      async () => (await opened(layout.committed(id))) === 2,
      'only the reader and the probe have it open',
    )
    assert.equal(isFree(), false)
    reader.close()
    await eventually(isFree, 'the reader has let go')
  })
})

/** How often this process has a file open. */
async function opened(path: string): Promise<number> {
  const links = (await readdir('/proc/self/fd')).map((fd) =>
    readlink(`/proc/self/fd/${fd}`).catch(() => 'closed since'),
  )
  return (await Promise.all(links)).filter((link) => link === path).length
}
