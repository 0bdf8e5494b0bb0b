import assert from 'node:assert/strict'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { bootSector } from '../../src/origin/directory/boot-sector.ts'
import { demoImageId } from '../../src/origin/directory/demo-image.ts'
import { openDirectory } from '../../src/origin/directory/directory.ts'
import { tempDir } from '../support/temp-dir.ts'
import { ask, list, openStore, record } from './directory-store.ts'

test('a directory that is not there yet is created with the demo image, ready to be downloaded', async (t) => {
  const dir = join(await tempDir(t), 'var', 'images')
  await using store = await openStore(dir, { seedDemo: true, settleMs: 3000 })
  const { status, body, headers } = await ask(store, `/v2/images/${demoImageId}/file`)
  assert.equal(status, 200)
  assert.equal(body.length, 16 << 20)
  // The README prints it: the image is the same everywhere.
  assert.equal(headers['content-md5'], 'd1ed90b1d5898303a1f03bc0fe636dab')
  assert.equal(demoImageId, 'de300000-0000-4000-8000-000000000001')
  const image = await record(store, demoImageId)
  assert.equal(image.name, 'demo')
  assert.equal(image.disk_format, 'raw')
  assert.equal(image.updated_at, '2026-01-01T00:00:00Z')
  assert.equal(body.subarray(512, 556).toString(), 'Afterimage demo image, sector 00001 of 32768')
  assert.deepEqual(store.warnings, [])
})

test('nothing but the directory is left behind, and it is made once by many', async (t) => {
  const parent = await tempDir(t)
  const dir = join(parent, 'images')
  const options = { path: dir, seedDemo: true, onWarning: assert.fail }
  const origins = await Promise.all(Array.from({ length: 4 }, () => openDirectory(options)))
  for (const origin of origins) await origin[Symbol.asyncDispose]()
  assert.deepEqual(await readdir(parent), ['images'])
})

test('a deleted demo image does not come back, and no directory of an operator gets one', async (t) => {
  const dir = join(await tempDir(t), 'images')
  const first = await openDirectory({ path: dir, seedDemo: true, onWarning: assert.fail })
  await first[Symbol.asyncDispose]()
  for (const name of await readdir(dir)) await rm(join(dir, name))
  await using again = await openStore(dir, { seedDemo: true })
  assert.deepEqual((await list(again)).images, [])

  const empty = join(await tempDir(t), 'empty')
  await mkdir(empty)
  await using other = await openStore(empty, { seedDemo: true })
  assert.deepEqual((await list(other)).images, [])
})

test('where it may not be created there is a clear error', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'file'), '')
  await assert.rejects(
    openDirectory({ path: join(dir, 'file', 'images'), seedDemo: true, onWarning: assert.fail }),
    /image directory .*file.images cannot be created: .*(ENOTDIR|EEXIST)/,
  )
  assert.deepEqual(await readdir(dir), ['file'])
})

test('the boot sector is one: code, text, no partitions, the mark at its end', () => {
  const sector = bootSector('Hello')
  assert.equal(sector.length, 512)
  assert.equal(sector.readUInt16LE(510), 0xaa55)
  assert.deepEqual(sector.subarray(446, 510), Buffer.alloc(64))
  const text = sector.indexOf('Hello\0')
  // mov si, address of the text
  assert.equal(sector[12], 0xbe)
  assert.equal(sector.readUInt16LE(13), 0x7c00 + text)
})
