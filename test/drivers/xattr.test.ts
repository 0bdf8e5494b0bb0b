import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { getAttributeSync, listAttributesSync, setAttributeSync } from 'fs-xattr'
import { openXattr } from '../../drivers/xattr.ts'
import { conforms, skipReason } from '../support/driver-conformance.ts'
import { makeReadOnly, mountedDir } from '../support/driver-mount.ts'
import { refuses } from '../support/driver-refusal.ts'
import { commitImage, evictImage, fillImage, listed, longAgo } from '../support/driver-scene.ts'
import { tempDir } from '../support/temp-dir.ts'

const openIn = (dir: string) => openXattr({ dir, sqliteDb: 'cache.db' })

/** Why there can be no attributes where tests keep their files. */
function missing(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'afterimage-test-'))
  try {
    setAttributeSync(dir, 'user.afterimage.probe', '1')
    return undefined
  } catch (error) {
    return `no user attributes in ${tmpdir()}: ${error}`
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const subject = { name: 'xattr', shared: true, open: openIn, missing: missing() }
const skip = skipReason(subject)

conforms(subject)

test('a thousand touches leave the modification time alone, to the nanosecond', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  await commitImage({ driver, dir }, 'image')
  const path = join(dir, 'image')
  const before = await stat(path, { bigint: true })
  for (let n = 0; n < 1000; n++) await driver.touch('image', longAgo + 100_000 + n * 1_234_567)
  const after = await stat(path, { bigint: true })
  assert.equal(after.mtimeNs, before.mtimeNs)
  assert.equal(after.mtimeNs, BigInt(longAgo) * 1_000_000n)
  assert.equal((await driver.get('image'))?.hits, 1000)
})

test('of a modification time that Glance left only the fraction is lost, once', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  const path = join(dir, 'theirs')
  await writeFile(path, 'image')
  await utimes(path, 1_700_000_000.25, 1_700_000_000.987654)
  for (let n = 0; n < 10; n++) {
    await driver.touch('theirs', 1_800_000_000_000 + n)
    assert.equal((await stat(path, { bigint: true })).mtimeNs, 1_700_000_000n * 1_000_000_000n)
  }
})

test('the access time is set on a file system that keeps none by itself', { skip }, async (t) => {
  const dir = await mountedDir(t, 'tmpfs', 'noatime')
  if (dir === undefined) return
  await using driver = await openIn(dir)
  await commitImage({ driver, dir }, 'a', { accessedAt: longAgo })
  await commitImage({ driver, dir }, 'b', { accessedAt: longAgo + 1 })
  await driver.touch('a', longAgo + 2)
  await readFile(join(dir, 'b'))
  assert.deepEqual(await listed(driver), ['b', 'a'])
})

test("hits stand in Glance's attribute, from before the file is in its place", { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  const { path, facts } = await fillImage(dir, 'image')
  await driver.prepare('image', path, facts)
  assert.equal(getAttributeSync(path, 'user.hits').toString(), '0')
  await commitImage({ driver, dir }, 'image', { hits: 41 })
  await driver.touch('image', Date.now())
  assert.equal(getAttributeSync(join(dir, 'image'), 'user.hits').toString(), '42')
})

test('an image that Glance cached is an entry; preparing it again keeps its hits', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  const path = join(dir, 'theirs')
  await writeFile(path, 'image')
  setAttributeSync(path, 'user.hits', '12')
  await utimes(path, 1_700_000_000, 1_600_000_000)
  const entry = { id: 'theirs', size: 5, hits: 12, accessedAt: 1_700_000_000_000, modifiedAt: 1_600_000_000_000 }
  assert.deepEqual(await driver.get('theirs'), { ...entry, pinned: false, facts: undefined })
  const { facts } = await fillImage(dir, 'other')
  await driver.prepare('theirs', path, facts)
  assert.equal(getAttributeSync(path, 'user.hits').toString(), '12')
})

test('attributes that make no sense are as good as absent', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  await commitImage({ driver, dir }, 'image')
  const path = join(dir, 'image')
  for (const text of ['', 'null', '{"version":1}', '{"version":2,"inode":1}', '\u0000']) {
    setAttributeSync(path, 'user.afterimage.facts', text)
    setAttributeSync(path, 'user.hits', text)
    const entry = await driver.get('image')
    assert.equal(entry?.facts, undefined)
    assert.equal(entry?.hits, 0)
  }
  await driver.touch('image', Date.now())
  assert.equal((await driver.get('image'))?.hits, 1)
})

test('only regular files that can be images are entries', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  await commitImage({ driver, dir }, 'image')
  await mkdir(join(dir, 'queue'))
  await symlink('image', join(dir, 'link'))
  const others = ['.hidden', 'cache.db', 'cache.db-wal', 'cache.db-shm', 'cache.db-journal', 'a.lock', 'checkme']
  for (const name of [...others, 'image_cache_db_init', 'glance-cache-prune']) await writeFile(join(dir, name), 'x')
  assert.deepEqual(await listed(driver), ['image'])
  assert.deepEqual(await driver.totals(), { count: 1, size: 1000 })
  for (const name of ['cache.db', 'link', 'queue']) {
    await driver.touch(name, Date.now())
    assert.equal(await driver.get(name), undefined, name)
    assert.equal(await driver.pin(name, true), false, name)
    assert.deepEqual(listAttributesSync(join(dir, name)).includes('user.afterimage.pinned'), false, name)
  }
})

test('a file that vanishes is absent, whatever was asked', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  const entry = await commitImage({ driver, dir }, 'image', { pinned: true })
  await unlink(join(dir, 'image'))
  await driver.admit(entry)
  await driver.touch('image', Date.now())
  assert.equal(await driver.pin('image', false), false)
  assert.equal(await driver.get('image'), undefined)
  assert.equal(await driver.factsOf('image'), undefined)
  assert.deepEqual(await readdir(dir), ['.afterimage', 'incomplete'])
})

test('facts go where their file goes', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using driver = await openIn(dir)
  const { facts } = await commitImage({ driver, dir }, 'image')
  await rename(join(dir, 'image'), join(dir, 'incomplete', 'image'))
  assert.equal(await driver.factsOf('image'), undefined)
  await rename(join(dir, 'incomplete', 'image'), join(dir, 'image'))
  assert.deepEqual(await driver.factsOf('image'), facts)
  await evictImage({ driver, dir }, 'image')
  assert.equal(await driver.factsOf('image'), undefined)
})

test('opening leaves nothing but its lock', { skip }, async (t) => {
  const dir = await tempDir(t)
  await using _driver = await openIn(dir)
  assert.deepEqual(await readdir(dir), ['.afterimage'])
  assert.deepEqual(await readdir(join(dir, '.afterimage')), ['xattr.lock'])
})

test('a file system without user attributes is refused', async (t) => {
  const dir = await mountedDir(t, 'ramfs')
  if (dir === undefined) return
  const message = `ramfs mounted on ${dir} has no extended attributes for users \\(user_xattr\\): use another file system`
  await refuses(openIn(dir), new RegExp(`${message}.* image_cache_driver = sqlite`))
  assert.deepEqual(await readdir(join(dir, '.afterimage')), [])
})

test('without permission to write it is refused', async (t) => {
  const dir = await mountedDir(t, 'tmpfs')
  if (dir === undefined) return
  await makeReadOnly(dir)
  await refuses(openIn(dir), /metadata driver xattr: open .*: EROFS: .*\.afterimage': the user of this service must/)
})
