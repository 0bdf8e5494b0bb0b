import assert from 'node:assert/strict'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { readLockTable } from '../../../src/cache/lock-table.ts'
import { readPseudonym } from '../../../src/http/pseudonym.ts'
import { factsFromJson, factsToJson } from '../../../src/origin/directory/content-facts.ts'
import { canonicalUuid, uuidOfFileName } from '../../../src/origin/directory/image-uuid.ts'
import { parseJsonObject } from '../../../src/origin/directory/json-value.ts'
import { readSidecar } from '../../../src/origin/directory/sidecar.ts'
import { openStoreScene } from '../../support/store-scene.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { hex, onDisk, text, wellFormed } from './arbitraries.ts'
import { holds, plainRecord } from './holds.ts'

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
