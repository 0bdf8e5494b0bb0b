import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { type Files, type Owned, openFiles } from '../../src/cache/files.ts'
import { type Layout, openLayout } from '../../src/cache/layout.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'

const id = imageId(1)
const forget = async () => {}

async function setUp(t: Parameters<typeof tempDir>[0]): Promise<{ layout: Layout; files: Files }> {
  const layout = await openLayout(await tempDir(t))
  return { layout, files: openFiles(layout) }
}

async function claimed(files: Files, text = ''): Promise<Owned> {
  const owned = await files.claim(id)
  assert(owned !== undefined, 'the place is free')
  if (text !== '') await owned.handle.write(text, 0)
  return owned
}

describe('image files', () => {
  test('one owner of incomplete/<id> at a time; the next finds what the last left', async (t) => {
    const { files } = await setUp(t)
    const first = await claimed(files, 'abc')
    assert.equal(await files.claim(id), undefined)
    await first.handle.close()
    const second = await claimed(files)
    assert.equal(second.size, 3)
    assert.equal(second.inode, first.inode)
    await second.handle.close()
  })

  test('rule 1: a claim never ends up owning a file that was committed meanwhile', async (t) => {
    const { layout, files } = await setUp(t)
    for (let round = 0; round < 100; round++) {
      const writer = await claimed(files, `round ${round}`)
      // Claimers race with the commit: some open the name before the rename and lock after the owner has let go.
      const claimers = Array.from({ length: 8 }, async () => {
        const owned = await files.claim(id)
        if (owned === undefined) return
        const [named, committed] = await Promise.all([
          stat(layout.incomplete(id)),
          stat(layout.committed(id)).catch(() => undefined),
        ])
        assert.equal(owned.inode, named.ino, 'what is owned is what the name means')
        assert.notEqual(owned.inode, committed?.ino, 'a committed file is nobody’s incomplete')
        await files.discard(owned)
        await owned.handle.close()
      })
      await files.commit(writer)
      await writer.handle.close()
      await Promise.all(claimers)
      assert.equal(await readFile(layout.committed(id), 'utf8'), `round ${round}`)
    }
  })

  test('rule 1: commit refuses when the name means another file by now', async (t) => {
    const { layout, files } = await setUp(t)
    const owned = await claimed(files, 'mine')
    await files.discard(owned)
    await writeFile(layout.incomplete(id), 'another')
    assert.equal(await files.commit(owned), false)
    assert.equal(await readFile(layout.incomplete(id), 'utf8'), 'another')
    await owned.handle.close()
  })

  test('rule 1: starting over makes a new file; a follower of the old one keeps its bytes', async (t) => {
    const { files } = await setUp(t)
    const old = await claimed(files, 'old bytes')
    const follower = await files.openIncomplete(id)
    assert(follower !== undefined)
    const fresh = await files.startOver(old)
    assert.notEqual(fresh.inode, old.inode)
    assert.equal(fresh.size, 0)
    await fresh.handle.write('new', 0)
    assert.equal(await follower.readFile('utf8'), 'old bytes')
    await Promise.all([fresh.handle.close(), follower.close()])
  })

  test('rule 12: a reader’s shared lock keeps its image from being removed', async (t) => {
    const { layout, files } = await setUp(t)
    const owned = await claimed(files, 'abc')
    await files.commit(owned)
    await owned.handle.close()
    const reader = await files.openCommitted(id)
    assert(reader !== undefined)
    assert.deepEqual(await files.remove(id, false, forget), { kind: 'in-use' })
    assert.equal((await stat(layout.committed(id))).size, 3)

    const forced = await files.remove(id, true, forget)
    assert(forced.kind === 'unlinked')
    assert.equal(await reader.handle.readFile('utf8'), 'abc')
    await Promise.all([reader.handle.close(), forced.handle.close()])
    assert.deepEqual(await files.remove(id, false, forget), { kind: 'absent' })
    assert.equal(await files.openCommitted(id), undefined)
  })

  test('what is known goes before the file, and never with a file that has been committed since', async (t) => {
    const { layout, files } = await setUp(t)
    await writeFile(layout.committed(id), 'old')
    const removal = await files.remove(id, false, async () => {
      assert.equal(await readFile(layout.committed(id), 'utf8'), 'old')
      const owned = await claimed(files, 'new')
      await files.commit(owned)
      await owned.handle.close()
    })
    assert.deepEqual(removal, { kind: 'absent' })
    assert.equal(await readFile(layout.committed(id), 'utf8'), 'new')
  })

  test('of those who remove an image at once one does, and none fails', async (t) => {
    const { layout, files } = await setUp(t)
    for (let round = 0; round < 200; round++) {
      await writeFile(layout.committed(id), 'abc')
      const removals = await Promise.all([false, true, true].map((evenIfRead) => files.remove(id, evenIfRead, forget)))
      const done = removals.filter(({ kind }) => kind === 'removed' || kind === 'unlinked')
      assert.equal(done.length, 1, removals.map(({ kind }) => kind).join())
      for (const removal of removals) if (removal.kind === 'unlinked') await removal.handle.close()
    }
  })

  test('an image that may not go stays, and nothing is forgotten', async (t) => {
    const { layout, files } = await setUp(t)
    await writeFile(layout.committed(id), 'abc')
    const forgetful = async () => assert.fail('forgotten')
    assert.deepEqual(await files.remove(id, false, forgetful, async () => false), { kind: 'kept' })
    assert.equal((await stat(layout.committed(id))).size, 3)
  })

  test('an image can be taken back to be proven again, unless it is being read', async (t) => {
    const { layout, files } = await setUp(t)
    await writeFile(layout.committed(id), 'from Glance')
    const reader = await files.openCommitted(id)
    assert.equal(await files.demote(id), undefined)
    assert.equal(await stat(layout.incomplete(id)).catch(() => 'absent'), 'absent')
    await reader?.handle.close()

    const owned = await files.demote(id)
    assert.equal(owned?.size, 11)
    assert.equal(await files.openCommitted(id), undefined)
    assert.equal(await files.claim(id), undefined)
    await owned?.handle.close()
  })

  test('a failed file is set aside, replacing an older one', async (t) => {
    const { layout, files } = await setUp(t)
    await writeFile(layout.invalid(id), 'older')
    const owned = await claimed(files, 'wrong')
    await files.invalidate(owned)
    await owned.handle.close()
    assert.equal(await readFile(layout.invalid(id), 'utf8'), 'wrong')
  })

  test('places are for their owner and group only', async (t) => {
    const { layout, files } = await setUp(t)
    const owned = await claimed(files)
    assert.equal((await owned.handle.stat()).mode & 0o777, 0o640)
    assert.equal((await stat(layout.incompleteDir)).mode & 0o777, 0o750)
    await owned.handle.close()
  })
})
