import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, readlinkSync, renameSync, unlinkSync, writeSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { openFiles } from '../../src/cache/files.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { tryLockExclusive } from '../../src/cache/lock.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'

const id = imageId(1)

async function setUp(t: Parameters<typeof tempDir>[0]) {
  const layout = await openLayout(await tempDir(t))
  return { layout, files: openFiles(layout) }
}

/** Returns, without a turn of the event loop, once this process has the file open so many times. */
function whenOpened(path: string, times: number): void {
  const end = performance.now() + 5000
  const count = () => readdirSync('/proc/self/fd').filter((fd) => linkOf(`/proc/self/fd/${fd}`) === path).length
  while (count() < times) assert(performance.now() < end, `${path} is not opened ${times} times within 5 s`)
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // Closed since it was listed.
    return undefined
  }
}

describe('between opening a file and locking it', () => {
  test('rule 1: what is committed meanwhile is not claimed, though its lock is free again', async (t) => {
    const { layout, files } = await setUp(t)
    const path = layout.incomplete(id)
    const writer = openSync(path, 'w+')
    assert(tryLockExclusive(writer))
    writeSync(writer, 'whole')
    const claiming = files.claim(id)
    whenOpened(path, 2)
    renameSync(path, layout.committed(id))
    closeSync(writer)
    const owned = await claiming
    assert(owned !== undefined)
    assert.equal(owned.inode, (await stat(path)).ino)
    assert.notEqual(owned.inode, (await stat(layout.committed(id))).ino)
    assert.equal(owned.size, 0)
    await owned.handle.close()
    assert.equal(await readFile(layout.committed(id), 'utf8'), 'whole')
  })

  test('rule 12: an image that is evicted meanwhile is a miss', async (t) => {
    const { layout, files } = await setUp(t)
    const path = layout.committed(id)
    await writeFile(path, 'whole')
    const opening = files.openCommitted(id)
    whenOpened(path, 1)
    unlinkSync(path)
    assert.equal(await opening, undefined)
  })
})

describe('a name that means another file by now', () => {
  for (const [what, act] of [
    ['discarded', 'discard'],
    ['set aside', 'invalidate'],
  ] as const) {
    test(`rule 1: is not ${what} by the owner of the old one`, async (t) => {
      const { layout, files } = await setUp(t)
      const owned = await files.claim(id)
      assert(owned !== undefined)
      unlinkSync(layout.incomplete(id))
      await writeFile(layout.incomplete(id), 'another')
      await files[act](owned)
      await owned.handle.close()
      assert.equal(await readFile(layout.incomplete(id), 'utf8'), 'another')
      assert.deepEqual(readdirSync(layout.invalidDir), [])
    })
  }

  test('rule 1: no image is taken back over a place that somebody owns', async (t) => {
    const { layout, files } = await setUp(t)
    await writeFile(layout.committed(id), 'from Glance')
    const owner = await files.claim(id)
    assert(owner !== undefined)
    await owner.handle.write('arriving', 0)
    assert.equal(await files.demote(id), undefined)
    assert.equal(await readFile(layout.committed(id), 'utf8'), 'from Glance')
    assert.equal(await readFile(layout.incomplete(id), 'utf8'), 'arriving')
    await owner.handle.close()
  })
})
