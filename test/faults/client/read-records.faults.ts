import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Facts } from '../../../drivers/driver.ts'
import { decodeFacts, encodeFacts, sameFacts } from '../../../drivers/facts-record.ts'
import { createFillRecord, type FillFacts, readFillRecord, resumableAt } from '../../../src/cache/fill-record.ts'
import { openLayout } from '../../../src/cache/layout.ts'
import { readQueueNote, writeQueueNote } from '../../../src/management/queue-note.ts'
import { imageId } from '../../support/image-id.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { damage, damaged, hex, onDisk, optional, text, time } from './arbitraries.ts'
import { holds, plainRecord } from './holds.ts'

const id = imageId(1)

const fillFacts: fc.Arbitrary<FillFacts> = plainRecord({
  inode: fc.maxSafeNat(),
  size: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  md5: fc.option(hex(32), { nil: undefined }),
  hashAlgo: fc.constantFrom('sha512', 'blake2b', undefined),
  hashValue: fc.option(hex(128), { nil: undefined }),
  updatedAt: optional,
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  kept: fc.option(plainRecord({ hits: fc.nat(), accessedAt: time, pinned: fc.boolean() }), { nil: undefined }),
}).map(({ share, kept, ...facts }) => ({ ...facts, startAt: Math.floor(facts.size * share), ...(kept && { kept }) }))

holds(
  'a fill record',
  'what we write',
  'the same again',
  async (t) => {
    const layout = await openLayout(await tempDir(t))
    return fc.asyncProperty(fillFacts, fc.maxSafeNat(), fc.maxSafeNat(), async (facts, watermark, synced) => {
      await (await createFillRecord(layout, id, facts, { watermark, synced })).close()
      const read = await readFillRecord(layout, id)
      assert.deepEqual(read?.facts, facts)
      assert.deepEqual([read?.progress.watermark, read?.progress.synced], [watermark, synced])
    })
  },
  onDisk,
)

holds(
  'a fill record',
  'damaged ones',
  'nothing, or what can be gone on with safely',
  async (t) => {
    const layout = await openLayout(await tempDir(t))
    return fc.asyncProperty(fillFacts, damage, fc.nat(10_000), async (facts, how, fileSize) => {
      await (await createFillRecord(layout, id, facts, { watermark: 5, synced: 5 })).close()
      const path = layout.fillRecord(id)
      await writeFile(path, damaged(await readFile(path, 'utf8'), how))
      const read = await readFillRecord(layout, id)
      if (read === undefined) return
      assert(Number.isSafeInteger(read.facts.size) && read.facts.size > 0)
      assert(read.facts.startAt >= 0 && read.facts.startAt <= read.facts.size, `startAt ${read.facts.startAt}`)
      for (const inode of [facts.inode, facts.inode + 1]) {
        const at = resumableAt(read, { inode, size: fileSize })
        assert(at >= 0 && at <= fileSize && at <= read.facts.size)
        if (inode !== read.facts.inode) assert.equal(at, 0)
      }
    })
  },
  onDisk,
)

holds(
  'a fill record',
  'random files',
  'nothing, or a record',
  async (t) => {
    const layout = await openLayout(await tempDir(t))
    const line = fc
      .tuple(fc.nat(), fc.nat(), fc.nat(1))
      .map(([mark, synced, torn]) => `${`${mark} ${synced} ab-1 ${mark + torn}`.padEnd(127)}\n`)
    const odd = fc.oneof(fc.integer(), fc.double(), fc.jsonValue(), fc.constantFrom(1e300, -1, 2 ** 53))
    const members = fc.dictionary(fc.constantFrom('inode', 'size', 'startAt', 'md5', 'kept', '__proto__'), odd)
    const like = fc
      .tuple(members, fc.nat(9), fc.nat(9))
      .map(([more, inode, size]) => JSON.stringify({ inode, size, ...more }))
    return fc.asyncProperty(fc.oneof(text, line), fc.oneof(like, fc.json(), text), async (first, second) => {
      await writeFile(layout.fillRecord(id), first + second)
      const { facts } = (await readFillRecord(layout, id)) ?? {}
      if (facts === undefined) return
      assert(facts.size > 0 && Number.isSafeInteger(facts.size))
      assert(facts.startAt >= 0 && facts.startAt <= facts.size, `startAt ${facts.startAt}`)
    })
  },
  onDisk,
)

const note = plainRecord({
  immediate: fc.boolean(),
  attempts: fc.nat(),
  reason: optional,
  retryAt: fc.option(time, { nil: undefined }),
})
const queueFile = plainRecord({ inode: fc.maxSafeNat(), queuedAt: time })

holds(
  'a note about a queue entry',
  'what we write',
  'the same again, for that entry alone',
  async (t) => {
    const path = join(await tempDir(t), 'note')
    return fc.asyncProperty(queueFile, note, async (file, given) => {
      await writeQueueNote(path, file, given)
      assert.deepEqual(await readQueueNote(path, file), given)
      assert.equal(await readQueueNote(path, { ...file, inode: file.inode + 1 }), undefined)
      assert.equal(await readQueueNote(path, { ...file, queuedAt: file.queuedAt + 1000 }), undefined)
    })
  },
  onDisk,
)

holds(
  'a note about a queue entry',
  'random and damaged files',
  'nothing, or a note',
  async (t) => {
    const path = join(await tempDir(t), 'note')
    return fc.asyncProperty(
      queueFile,
      note,
      damage,
      fc.boolean(),
      fc.json(),
      async (file, given, how, isRandom, json) => {
        await writeQueueNote(path, file, given)
        await writeFile(path, isRandom ? json : damaged(await readFile(path, 'utf8'), how))
        const read = await readQueueNote(path, file)
        if (read === undefined) return
        assert.deepEqual([typeof read.immediate, typeof read.attempts], ['boolean', 'number'])
        assert(
          ['string', 'undefined'].includes(typeof read.reason) && ['number', 'undefined'].includes(typeof read.retryAt),
        )
      },
    )
  },
  onDisk,
)

const facts: fc.Arbitrary<Facts> = plainRecord({
  inode: fc.maxSafeNat(),
  size: fc.maxSafeNat(),
  modifiedAt: time,
  md5: optional,
  hashAlgo: optional,
  hashValue: optional,
  verifiedAt: time,
})

holds(
  'the facts of an image',
  'what we write',
  'the same again',
  fc.property(facts, (given) => {
    const read = decodeFacts(encodeFacts(given))
    assert.deepEqual(read, given)
    assert(sameFacts(read, given))
  }),
)

holds(
  'the facts of an image',
  'random and damaged texts',
  'nothing, or whole facts',
  fc.property(
    facts,
    damage,
    fc.oneof(fc.json(), text, fc.constantFrom(null, undefined, '', 'null', '[]')),
    (given, how, random) => {
      for (const stored of [damaged(encodeFacts(given), how), random]) {
        const read = decodeFacts(stored)
        if (read === undefined) continue
        for (const number of [read.inode, read.size, read.modifiedAt, read.verifiedAt])
          assert.equal(typeof number, 'number')
        assert.deepEqual(decodeFacts(encodeFacts(read)), read)
      }
    },
  ),
)
