import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Facts } from '../../../drivers/driver.ts'
import { decodeFacts, encodeFacts, sameFacts } from '../../../drivers/facts-record.ts'
import { createFillRecord, type FillFacts, readFillRecord, resumableAt } from '../../../src/cache/fill-record.ts'
import { openLayout } from '../../../src/cache/layout.ts'
import { readLockTable } from '../../../src/cache/lock-table.ts'
import { readPseudonym } from '../../../src/http/pseudonym.ts'
import { readQueueNote, writeQueueNote } from '../../../src/management/queue-note.ts'
import { factsFromJson, factsToJson } from '../../../src/origin/directory/content-facts.ts'
import { canonicalUuid, uuidOfFileName } from '../../../src/origin/directory/image-uuid.ts'
import { parseJsonObject } from '../../../src/origin/directory/json-value.ts'
import { readSidecar } from '../../../src/origin/directory/sidecar.ts'
import { imageId } from '../../support/image-id.ts'
import { openStoreScene } from '../../support/store-scene.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { holds, junk, plainRecord } from './holds.ts'

const id = imageId(1)
/** Each of them costs a file or two. */
const onDisk = { whole: 1000, sampled: 60 }
const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), junk)
/** What survives JSON and UTF-8: no lone surrogates. */
const wellFormed = text.map((any) => any.toWellFormed())
const optional = fc.option(wellFormed, { nil: undefined })
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
const time = fc.nat(4_000_000_000).map((seconds) => seconds * 1000)

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

/** A text with a piece taken out, put in or cut off: what a torn or half-written file looks like. */
const damage = fc.tuple(
  fc.constantFrom('cut', 'insert', 'drop', 'flip'),
  fc.double({ min: 0, max: 1, noNaN: true }),
  text,
)

function damaged(whole: string, [how, share, piece]: readonly [string, number, string]): string {
  const at = Math.floor(whole.length * share)
  if (how === 'cut') return whole.slice(0, at)
  if (how === 'insert') return whole.slice(0, at) + piece + whole.slice(at)
  if (how === 'drop') return whole.slice(0, at) + whole.slice(at + 1)
  return whole.slice(0, at) + String.fromCharCode((whole.charCodeAt(at) || 0) ^ 1) + whole.slice(at + 1)
}

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

holds(
  'our name in Via',
  'random files',
  'a token, the same from then on',
  async (t) => {
    const path = join(await tempDir(t), 'via')
    return fc.asyncProperty(
      fc.oneof(
        text,
        fc.constantFrom(
          'afterimage-0123456789ab',
          'afterimage-0123456789AB',
          ' afterimage-0123456789ab\n',
          'a\nafterimage-0123456789ab',
        ),
      ),
      async (content) => {
        await writeFile(path, content)
        const read = await readPseudonym(path)
        assert.match(read, /^afterimage-[0-9a-f]{12}$/)
        assert.equal(await readPseudonym(path), read)
      },
    )
  },
  onDisk,
)

const sidecarJson = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(
    fc.constantFrom(
      'id',
      'name',
      'tags',
      'size',
      'min_disk',
      'protected',
      'status',
      'created_at',
      'afterimage',
      'properties',
      '__proto__',
      'constructor',
      'x',
    ),
    fc.oneof(fc.jsonValue(), fc.uuid(), fc.constantFrom(null, true, -1, 1e300, '2026-01-31T12:00:00Z', 'deactivated')),
  ),
)

holds(
  'a sidecar',
  'random JSON',
  'members of the right kind, the rest with a complaint',
  fc.property(sidecarJson, (value) => {
    const json = parseJsonObject(JSON.stringify(value))
    if (json === undefined) return
    const { id: read, members, properties } = readSidecar(json)
    assert(read === undefined || canonicalUuid(read) === read)
    for (const held of Object.values(properties)) assert.equal(typeof held, 'string')
    for (const name of ['name', 'owner']) assert(!(name in members) || String(members[name]).length <= 255)
    for (const name of ['min_disk', 'min_ram']) assert(!Object.hasOwn(members, name) || Number(members[name]) >= 0)
    assert.equal(Object.getPrototypeOf(members), Object.prototype)
    assert.equal(Object.getPrototypeOf(properties), Object.prototype)
    assert.equal(Reflect.get({}, 'x'), undefined)
  }),
)

holds(
  'a sidecar',
  'random texts',
  'an object, or nothing',
  fc.property(fc.oneof(fc.json(), text), (file) => {
    const read = parseJsonObject(file)
    if (read !== undefined) assert(typeof read === 'object' && !Array.isArray(read))
  }),
)

holds(
  'the facts in a sidecar',
  'what we write, and random JSON',
  'the same again, or nothing',
  fc.property(
    plainRecord({
      stamp: plainRecord({
        size: fc.maxSafeNat(),
        modifiedAt: fc.double({ noNaN: true, noDefaultInfinity: true }).map((ms) => ms + 0),
      }),
      md5: hex(32),
      sha512: hex(128),
      diskFormat: wellFormed,
      virtualSize: fc.option(fc.maxSafeNat(), { nil: undefined }),
    }),
    fc.json(),
    (given, random) => {
      const read = factsFromJson(parseJsonObject(JSON.stringify(factsToJson(given))))
      assert.deepEqual(read, given)
      const other = factsFromJson(parseJsonObject(random))
      if (other !== undefined) assert.match(other.sha512, /^[0-9a-f]{128}$/)
    },
  ),
)

holds(
  'a file name of the directory of images',
  'random names',
  'one UUID, always the same',
  fc.property(text, (name) => {
    const read = uuidOfFileName(name)
    assert.equal(canonicalUuid(read), read)
    assert.equal(uuidOfFileName(name), read)
  }),
)

holds(
  'the table of locks',
  'random tables around our own lock',
  'the files that it names on our file system',
  async (t) => {
    const { layout, space, add } = await openStoreScene(t, 'sqlite')
    const image = layout.committed(await add(1, 1000))
    const [ours, own] = [
      (await stat(image, { bigint: true })).ino,
      (await stat(layout.spaceLock, { bigint: true })).ino,
    ]
    const lock = plainRecord({
      kind: fc.constantFrom('OFDLCK', 'POSIX ', 'FLOCK '),
      mode: fc.constantFrom('READ ', 'WRITE'),
      waits: fc.constantFrom('', '-> '),
      device: fc.constantFrom('fe:00', '08:01'),
      inode: fc.constantFrom(ours, own + 1_000_000n, 7n),
      pid: fc.integer({ min: -1, max: 1e6 }),
    })
    const path = join(layout.dir, '.afterimage', 'table')
    return fc.asyncProperty(fc.array(lock, { maxLength: 6 }), text, fc.boolean(), async (locks, noise, isShown) => {
      const lines = locks.map(
        ({ kind, mode, waits, device, inode, pid }, at) =>
          `${at + 1}: ${waits}${kind} ADVISORY  ${mode} ${pid} ${device}:${inode} 0 EOF`,
      )
      const shown = isShown ? [`9: OFDLCK ADVISORY  WRITE -1 fe:00:${own} 0 EOF`] : []
      await writeFile(path, `${[noise.replaceAll('\n', ' '), ...lines, ...shown].join('\n')}\n`)
      const table = await readLockTable(layout, space, path)
      assert.equal(table === undefined, !isShown)
      const held = locks.some(
        ({ kind, waits, device, inode }) => kind === 'OFDLCK' && waits === '' && device === 'fe:00' && inode === ours,
      )
      assert.equal((await table?.isLocked(image)) ?? false, isShown && held)
    })
  },
  onDisk,
)
