import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import type { ImageBytes } from '../../src/volumes/inspect/image-bytes.ts'
import { inspect } from '../../src/volumes/inspect/inspect.ts'
import { tempDir } from '../support/temp-dir.ts'

const MiB = 1 << 20
const qemuImg = (...args: string[]) => execFileSync('qemu-img', args, { stdio: 'pipe' })

const bytesOf = (image: Buffer): ImageBytes => ({
  size: image.length,
  read: async (position, length) => image.subarray(position, position + length),
})

/** What qemu-img makes of an 8 MiB disk with a few bytes in it. */
async function made(t: TestContext, format: string, options: readonly string[] = [], name = 'image'): Promise<Buffer> {
  const dir = await tempDir(t)
  const raw = Buffer.alloc(8 * MiB)
  raw.write('some data', 3 * MiB)
  await writeFile(join(dir, 'raw'), raw)
  const given = options.flatMap((option) => ['-o', option])
  qemuImg('convert', '-f', 'raw', '-O', format, ...given, join(dir, 'raw'), join(dir, name))
  return readFile(join(dir, name))
}

const changed = (image: Buffer, change: (copy: Buffer) => unknown): Buffer => {
  const copy = Buffer.from(image)
  change(copy)
  return copy
}

const refuses = (image: Buffer, diskFormat: string | undefined, reason: RegExp) =>
  assert.rejects(inspect(bytesOf(image), diskFormat), { code: 'IMAGE_UNACCEPTABLE', message: reason })

suite('accepted: what qemu-img makes, of each kind', () => {
  const kinds: ReadonlyArray<readonly [declared: string, made: string, options: string[], found: string]> = [
    ['raw', 'raw', [], 'raw'],
    ['qcow2', 'qcow2', [], 'qcow2'],
    ['qcow2', 'qcow2', ['compat=0.10'], 'qcow2'],
    ['qcow2', 'qcow2', ['compression_type=zstd'], 'qcow2'],
    ['qcow2', 'qcow2', ['extended_l2=on,cluster_size=128k'], 'qcow2'],
    ['qcow2', 'qcow2', ['lazy_refcounts=on,cluster_size=512'], 'qcow2'],
    ['vmdk', 'vmdk', ['subformat=monolithicSparse'], 'vmdk'],
    ['vmdk', 'vmdk', ['subformat=streamOptimized'], 'vmdk'],
    ['vhd', 'vpc', ['subformat=dynamic'], 'vpc'],
    ['vhd', 'vpc', ['subformat=fixed'], 'vpc'],
  ]
  for (const [declared, format, options, found] of kinds) {
    test(`${declared} ${options.join(' ')}`, async (t) => {
      const result = await inspect(bytesOf(await made(t, format, options)), declared)
      assert.equal(result.format, found)
      if (found !== 'vpc') assert.equal(result.virtualSize, 8 * MiB)
    })
  }

  test('an iso, also one that boots from a stick', async () => {
    const disc = Buffer.alloc(64 << 10)
    disc.write('\x01CD001', 32 << 10, 'latin1')
    assert.deepEqual(await inspect(bytesOf(disc), 'iso'), { format: 'iso', virtualSize: 64 << 10 })
    assert.equal((await inspect(bytesOf(changed(disc, partition)), 'iso')).format, 'iso')
  })

  test('a raw disk with a partition table, and one that is shorter than a sector', async () => {
    assert.equal((await inspect(bytesOf(changed(Buffer.alloc(MiB), partition)), 'raw')).format, 'raw')
    assert.deepEqual(await inspect(bytesOf(Buffer.from('x')), 'raw'), { format: 'raw', virtualSize: 1 })
  })
})

/** One bootable entry and the signature. */
function partition(disk: Buffer): void {
  disk[446] = 0x80
  disk[450] = 0x83
  disk.writeUInt16LE(0xaa55, 510)
}

suite('refused: what names other files, or says what cannot be', () => {
  test('qcow2: backing file, external data, unknown features, encryption, no end', async (t) => {
    const image = await made(t, 'qcow2')
    const headerLength = image.readUInt32BE(100)
    await refuses(
      changed(image, (copy) => copy.writeBigUInt64BE(520n, 8)),
      'qcow2',
      /backing file/,
    )
    await refuses(
      changed(image, (copy) => copy.writeBigUInt64BE(4n, 72)),
      'qcow2',
      /another file/,
    )
    await refuses(
      changed(image, (copy) => copy.writeBigUInt64BE(2n, 72)),
      'qcow2',
      /corrupt/,
    )
    for (let bit = 5n; bit < 64n; bit++) {
      await refuses(
        changed(image, (copy) => copy.writeBigUInt64BE(1n << bit, 72)),
        'qcow2',
        /unknown features/,
      )
    }
    await refuses(
      changed(image, (copy) => copy.writeUInt32BE(1, 32)),
      'qcow2',
      /encrypted/,
    )
    await refuses(
      changed(image, (copy) => copy.writeUInt32BE(0x44415441, headerLength)),
      'qcow2',
      /external data file/,
    )
    await refuses(
      changed(image, (copy) => copy.writeUInt32BE(0xe2792aca, headerLength)),
      'qcow2',
      /format of a backing/,
    )
    const endless = changed(image, (copy) => copy.fill(Buffer.from('1234567800000000', 'hex'), headerLength, 64 << 10))
    await refuses(endless, 'qcow2', /no end/)
    for (const version of [0, 1, 4]) {
      await refuses(
        changed(image, (copy) => copy.writeUInt32BE(version, 4)),
        'qcow2',
        new RegExp(`version ${version}`),
      )
    }
    await refuses(image.subarray(0, 60), 'qcow2', /cut off/)
  })

  test('qcow2 made with a backing file and with an external data file, by qemu-img itself', async (t) => {
    const dir = await tempDir(t)
    const path = (name: string) => join(dir, name)
    qemuImg('create', '-f', 'qcow2', '-u', '-b', '/etc/passwd', '-F', 'raw', path('backed'), '1M')
    await refuses(await readFile(path('backed')), 'qcow2', /backing file/)
    qemuImg('create', '-f', 'qcow2', '-o', `data_file=${path('data')}`, path('external'), '1M')
    await refuses(await readFile(path('external')), 'qcow2', /another file/)
  })

  test('qcow2 of exabytes, or with a table that cannot be', async (t) => {
    const image = await made(t, 'qcow2')
    await refuses(
      changed(image, (copy) => copy.writeBigUInt64BE(1n << 60n, 24)),
      'qcow2',
      /beyond all reason|too short/,
    )
    await refuses(
      changed(image, (copy) => copy.writeUInt32BE(0xffffffff, 36)),
      'qcow2',
      /outside/,
    )
    await refuses(
      changed(image, (copy) => copy.writeUInt32BE(40, 20)),
      'qcow2',
      /clusters of 2\^40/,
    )
  })

  test('vmdk: other extents, a parent, a mere descriptor, an unknown line, no capacity', async (t) => {
    const image = await made(t, 'vmdk', ['subformat=monolithicSparse'])
    const descriptor = (from: string, to: string) => {
      assert(image.includes(from), from)
      return changed(image, (copy) => copy.write(to.padEnd(from.length), copy.indexOf(from), 'latin1'))
    }
    await refuses(descriptor('createType="monolithicSparse"', 'createType="monolithicFlat"'), 'vmdk', /monolithicFlat/)
    await refuses(descriptor('SPARSE "image"', 'SPARSE "/x/yz'), 'vmdk', /another file/)
    await refuses(descriptor('SPARSE "image"', 'FLAT "image" 0'), 'vmdk', /another file/)
    await refuses(descriptor('parentCID=ffffffff', 'parentCID=fffffffe'), 'vmdk', /parent/)
    await refuses(descriptor('parentCID=ffffffff', 'parentFileNameHint'), 'vmdk', /parent/)
    await refuses(descriptor('ddb.adapterType', 'adb.adapterType'), 'vmdk', /not known/)
    await refuses(
      changed(image, (copy) => copy.writeBigUInt64LE(0n, 12)),
      'vmdk',
      /no capacity/,
    )
    await refuses(
      changed(image, (copy) => copy.writeBigUInt64LE(0n, 28)),
      'vmdk',
      /no descriptor/,
    )
    await refuses(
      changed(image, (copy) => copy.writeBigUInt64LE(1n << 40n, 36)),
      'vmdk',
      /too large/,
    )
    for (const subformat of ['monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat']) {
      await refuses(await made(t, 'vmdk', [`subformat=${subformat}`]), 'vmdk', /mere descriptor/)
    }
    await refuses(Buffer.from('# comment\n\nversion=1\nRW 1 FLAT "/etc/passwd" 0\n'), 'raw', /mere descriptor/)
  })

  test('vmdk: what qemu-img would read behind the declared end of a descriptor is read here too', async (t) => {
    const image = await made(t, 'vmdk', ['subformat=monolithicSparse'])
    const offset = Number(image.readBigUInt64LE(28)) * 512
    const hidden = changed(image, (copy) => {
      copy.writeBigUInt64LE(1n, 36)
      const end = copy.indexOf(0, offset)
      copy.fill('#'.repeat(510).concat('\n'), end, offset + 1536)
      copy.write('\nparentFileNameHint="/etc/passwd"\n', offset + 1536, 'latin1')
    })
    await refuses(hidden, 'vmdk', /parent/)
  })

  test('vmdk: with a footer, as streams have it; one that contradicts the header', async (t) => {
    const image = await made(t, 'vmdk', ['subformat=streamOptimized'])
    const marker = Buffer.alloc(512)
    marker.writeUInt32LE(3, 12)
    const announced = changed(image, (copy) => copy.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 56))
    const stream = Buffer.concat([announced, marker, image.subarray(0, 512), Buffer.alloc(512)])
    assert.deepEqual(await inspect(bytesOf(stream), 'vmdk'), { format: 'vmdk', virtualSize: 8 * MiB })
    const footer = stream.length - 1024
    await refuses(
      changed(stream, (copy) => copy.writeBigUInt64LE(0n, footer + 12)),
      'vmdk',
      /contradicts/,
    )
    await refuses(
      changed(stream, (copy) => copy.writeUInt32LE(9, footer - 512 + 12)),
      'vmdk',
      /contradicts/,
    )
    await refuses(
      changed(stream, (copy) => copy.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, footer + 56)),
      'vmdk',
      /contradicts/,
    )
    await refuses(announced, 'vmdk', /contradicts/)
    await refuses(stream.subarray(0, 1000), 'vmdk', /too short/)
  })

  test('vhd: a difference, an unknown type, a parent, a header that is not there', async (t) => {
    const image = await made(t, 'vpc', ['subformat=dynamic'])
    const both = (change: (footer: Buffer) => unknown) =>
      changed(image, (copy) => {
        change(copy.subarray(0, 512))
        change(copy.subarray(copy.length - 512))
      })
    await refuses(
      both((footer) => footer.writeUInt32BE(4, 60)),
      'vhd',
      /difference/,
    )
    await refuses(
      both((footer) => footer.writeUInt32BE(7, 60)),
      'vhd',
      /type 7/,
    )
    await refuses(
      both((footer) => footer.writeBigUInt64BE(1n << 50n, 16)),
      'vhd',
      /no header/,
    )
    await refuses(
      changed(image, (copy) => copy.writeUInt32BE(0x57326b75, 512 + 576)),
      'vhd',
      /names a parent/,
    )
  })

  test('formats that are known and never accepted', async (t) => {
    for (const format of ['vdi', 'vhdx', 'qed', 'parallels']) {
      await refuses(await made(t, format), 'raw', /are not accepted/)
    }
    await refuses(Buffer.from(`LUKS\xba\xbe${'x'.repeat(600)}`, 'latin1'), 'raw', /luks/)
    for (const declared of ['vhdx', 'vdi', 'ploop', 'docker', undefined]) {
      await refuses(Buffer.alloc(512), declared, /disk_format/)
    }
  })

  test('what is not as declared, and what is two things at once', async (t) => {
    const [qcow2, fixedVhd] = [await made(t, 'qcow2'), await made(t, 'vpc', ['subformat=fixed'])]
    await refuses(qcow2, 'raw', /declared as raw, but its bytes are qcow2/)
    await refuses(Buffer.alloc(MiB), 'qcow2', /declared as qcow2, but its bytes are raw/)
    await refuses(Buffer.concat([qcow2, fixedVhd.subarray(-512)]), 'qcow2', /qcow2 and vpc at once/)
    await refuses(
      changed(qcow2, (copy) => copy.write('\x01CD001', 32 << 10, 'latin1')),
      'qcow2',
      /qcow2 and iso at once/,
    )
    const headerEnd = qcow2.readUInt32BE(100)
    const twoThings = changed(qcow2, (copy) => partition(copy.fill(0, headerEnd, 512)))
    await refuses(twoThings, 'qcow2', /partitioned disk/)
  })
})
