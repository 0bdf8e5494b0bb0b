import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { bootId, createFillRecord, type FillRecord, readFillRecord, resumableAt } from '../../src/cache/fill-record.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { imageId } from '../support/image-id.ts'
import { tempDir } from '../support/temp-dir.ts'

const id = imageId(1)
const facts = { inode: 7, size: 1000, md5: 'aa', hashAlgo: 'sha512', hashValue: 'bb', updatedAt: 'then', startAt: 0 }

describe('fill records', () => {
  test('what was recorded is read back, with the last progress', async (t) => {
    const layout = await openLayout(await tempDir(t))
    const writer = await createFillRecord(layout, id, facts, { watermark: 0, synced: 0 })
    for (let at = 1; at <= 300; at++) writer.publish(at, at - 1)
    await writer.close()
    assert.deepEqual(await readFillRecord(layout, id), { facts, progress: { watermark: 300, synced: 299, bootId } })
  })

  test('no record, half a record and junk are no record', async (t) => {
    const layout = await openLayout(await tempDir(t))
    assert.equal(await readFillRecord(layout, id), undefined)
    await (await createFillRecord(layout, id, facts, { watermark: 5, synced: 5 })).close()
    const whole = await readFile(layout.fillRecord(id), 'utf8')
    for (const junk of ['', whole.slice(0, 60), whole.slice(0, -10), whole.replace('5 5', '5 6'), `x${whole}`]) {
      await writeFile(layout.fillRecord(id), junk)
      const read = await readFillRecord(layout, id)
      assert(read === undefined || read.progress.synced !== 5 || junk === whole, JSON.stringify(junk))
    }
    await writeFile(layout.fillRecord(id), whole.replace(/5 (?=5 )/, '9 '))
    assert.equal(await readFillRecord(layout, id), undefined, 'a torn line of progress')
  })

  describe('rule 4: where a left-over fill goes on', () => {
    const record = (progress: Partial<FillRecord['progress']>): FillRecord => ({
      facts,
      progress: { watermark: 600, synced: 256, bootId, ...progress },
    })
    const cases: [why: string, record: FillRecord, file: { inode: number; size: number }, at: number][] = [
      ['after a mere restart: at the file’s end', record({}), { inode: 7, size: 700 }, 700],
      ['after a reboot: at what was forced to disk', record({ bootId: 'another' }), { inode: 7, size: 700 }, 256],
      ['after a reboot that lost even more', record({ bootId: 'another' }), { inode: 7, size: 100 }, 100],
      ['another file: from the start', record({}), { inode: 8, size: 700 }, 0],
      ['never past the image’s size', record({}), { inode: 7, size: 5000 }, 1000],
    ]
    for (const [why, given, file, at] of cases) test(why, () => assert.equal(resumableAt(given, file), at))
  })
})
