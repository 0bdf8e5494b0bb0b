import assert from 'node:assert/strict'
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openQemuImg } from '../../src/volumes/qemu-img.ts'
import { tempDir } from '../support/temp-dir.ts'

const MiB = 1 << 20
const limits = { cpuSeconds: 60, addressSpace: 1 << 30, timeoutMs: 60_000 }
const qemu = openQemuImg(limits)

test('converts to raw and back, keeps the bytes and the holes, overlays, grows', async (t) => {
  const dir = await tempDir(t)
  const [raw, qcow2, again, overlay] = ['raw', 'qcow2', 'again', 'overlay'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
    string,
  ]
  const disk = Buffer.alloc(64 * MiB)
  disk.write('here', 40 * MiB)
  await writeFile(raw, disk)
  await qemu.convert({ path: raw, format: 'raw' }, { path: qcow2, format: 'qcow2' })
  const info = await qemu.info(qcow2, 'qcow2')
  assert.deepEqual(
    { ...info, actualSize: 0 },
    { format: 'qcow2', virtualSize: 64 * MiB, actualSize: 0, backingFile: undefined },
  )
  await qemu.convert({ path: qcow2, format: 'qcow2' }, { path: again, format: 'raw' })
  assert(disk.equals(await readFile(again)))
  assert((await stat(again)).blocks * 512 < MiB)
  await qemu.createOverlay(overlay, { path: again, format: 'raw' }, 128 * MiB)
  assert.deepEqual((await qemu.info(overlay, 'qcow2')).backingFile, again)
  await qemu.resize({ path: overlay, format: 'qcow2' }, 256 * MiB)
  assert.equal((await qemu.info(overlay, 'qcow2')).virtualSize, 256 * MiB)
  await assert.rejects(qemu.resize({ path: overlay, format: 'qcow2' }, MiB), { code: 'QEMU_FAILED', message: /shrink/ })
})

test('reads a file as what it is said to be, whatever it looks like', async (t) => {
  const path = join(await tempDir(t), 'image')
  await writeFile(path, Buffer.concat([Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), Buffer.alloc(MiB)]))
  assert.equal((await qemu.info(path, 'raw')).format, 'raw')
  await assert.rejects(qemu.info(path, 'vmdk'), { code: 'QEMU_FAILED', message: /qemu-img info: .*vmdk/i })
})

test('names no protocol, no option and no description by a path', async () => {
  for (const path of ['json:{"driver":"raw"}', '--help', 'nbd://127.0.0.1/x', 'image']) {
    await assert.rejects(qemu.info(path, 'raw'), { message: `${path} is no absolute path` })
  }
})

test('ends when a limit is met, and says which', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'from')
  const handle = await open(path, 'w')
  await handle.truncate(64 * MiB)
  await handle.close()
  const files = [
    { path, format: 'raw' },
    { path: join(dir, 'to'), format: 'qcow2' },
  ] as const
  await assert.rejects(openQemuImg({ ...limits, timeoutMs: 1 }).convert(...files), { message: /longer than 1 ms/ })
  await assert.rejects(openQemuImg({ ...limits, addressSpace: 16 * MiB }).convert(...files), { code: 'QEMU_FAILED' })
  await assert.rejects(qemu.convert(...files, AbortSignal.abort()), { message: 'qemu-img convert: stopped' })
})
