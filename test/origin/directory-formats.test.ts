import assert from 'node:assert/strict'
import test from 'node:test'
import { guessDiskFormat } from '../../src/origin/directory/disk-format.ts'

const size = 1 << 20

function marked(offset: number, mark: string): Buffer {
  const start = Buffer.alloc(40 << 10)
  start.write(mark, offset, 'latin1')
  return start
}

function qcow2(virtualSize: bigint): Buffer {
  const start = marked(0, 'QFI\xfb')
  start.writeBigUInt64BE(virtualSize, 24)
  return start
}

const cases: ReadonlyArray<readonly [name: string, start: Buffer, diskFormat: string, virtualSize?: number]> = [
  ['plain.img', Buffer.alloc(0), 'raw', size],
  ['plain', marked(0, 'anything'), 'raw', size],
  ['cirros.img', qcow2(117440512n), 'qcow2', 117440512],
  ['too-large.img', qcow2(2n ** 63n), 'qcow2'],
  ['short.qcow2', Buffer.from('QFI\xfb', 'latin1'), 'qcow2'],
  // A guest could have written that header.
  ['disk.raw', qcow2(5n), 'raw', size],
  ['a.img', marked(0, 'KDMV'), 'vmdk'],
  ['a.img', marked(0, '# Disk DescriptorFile\n'), 'vmdk'],
  ['a.img', marked(0, 'vhdxfile'), 'vhdx'],
  ['a.img', marked(0, 'conectix'), 'vhd'],
  ['a.img', marked(64, '\x7f\x10\xda\xbe'), 'vdi'],
  ['a.img', marked(0, 'WithouFreSpacExt'), 'ploop'],
  ['a.img', marked(32769, 'CD001'), 'iso', size],
  ['debian.ISO', Buffer.alloc(10), 'iso'],
  ['fixed.vhd', Buffer.alloc(512), 'vhd'],
  // The bytes go before the name.
  ['wrong.vmdk', qcow2(5n), 'qcow2', 5],
]

for (const [name, start, diskFormat, virtualSize] of cases) {
  test(`${name} is ${diskFormat}${virtualSize === undefined ? '' : ` of ${virtualSize} bytes`}`, () => {
    assert.deepEqual(guessDiskFormat(name, size, start), { diskFormat, virtualSize })
  })
}
