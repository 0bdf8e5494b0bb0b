import assert from 'node:assert/strict'
import { createHash, getHashes } from 'node:crypto'
import fc from 'fast-check'
import { nodeDigest, strongestProof } from '../../../src/cache/digest-name.ts'
import { cacheApiVersions } from '../../../src/http/api-paths.ts'
import { withCacheVersions } from '../../../src/http/version-list.ts'
import { readIssuedToken } from '../../../src/identity/issued-token.ts'
import { ApiError } from '../../../src/origin/directory/api-error.ts'
import { imageFilter } from '../../../src/origin/directory/image-filter.ts'
import { imageOrder } from '../../../src/origin/directory/image-order.ts'
import { md5Of, parseRecord } from '../../../src/origin/glance/record.ts'
import { OriginError } from '../../../src/origin/origin.ts'
import { holds, junk, plainRecord } from './holds.ts'

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF') })
const member = fc.oneof(fc.jsonValue(), fc.constantFrom('active', 'sha512', null, -1, 1e300, 2 ** 53, 5), hex)
const recordJson = fc.dictionary(
  fc.constantFrom(
    'id',
    'status',
    'size',
    'checksum',
    'os_hash_algo',
    'os_hash_value',
    'updated_at',
    'stores',
    '__proto__',
    'x',
  ),
  member,
)

holds(
  "an image's record from the store",
  'random JSON',
  'a record of the right kinds, or refused',
  fc.property(
    fc.oneof(
      recordJson.map((value) => JSON.stringify(value)),
      fc.json(),
      junk,
    ),
    (json) => {
      try {
        const { record } = parseRecord(json, 'the store')
        assert.deepEqual([typeof record.id, typeof record.status], ['string', 'string'])
        assert(record.size === undefined || (Number.isSafeInteger(record.size) && record.size >= 0))
        assert(record.md5 === undefined || /^[0-9a-f]{32}$/.test(record.md5))
        assert(record.hashValue === undefined || /^(?:[0-9a-f]{2})+$/.test(record.hashValue))
        if (record.hashValue === undefined) assert.equal(record.hashAlgo, undefined)
      } catch (error) {
        assert(error instanceof OriginError && error.reason === 'bad-answer')
      }
    },
  ),
)

holds(
  "an image's record from the store",
  'one that a store gives',
  'what it says',
  fc.property(
    plainRecord({
      id: fc.uuid(),
      status: fc.constantFrom('active', 'queued', 'deactivated'),
      size: fc.option(fc.maxSafeNat(), { nil: null }),
      updated_at: fc.string(),
      stores: fc.option(fc.string(), { nil: undefined }),
    }),
    (given) => {
      const { record, stores } = parseRecord(JSON.stringify(given), 'the store')
      const { id, status, size, updated_at } = given
      assert.deepEqual(
        [record.id, record.status, record.size, record.updatedAt],
        [id, status, size ?? undefined, updated_at],
      )
      assert.equal(stores, given.stores)
    },
  ),
)

holds(
  'Content-MD5',
  'random fields',
  'a digest in hex, or nothing',
  fc.property(
    fc.oneof(junk, fc.string({ unit: fc.constantFrom(...'0aF '), minLength: 30, maxLength: 34 })),
    (field) => {
      const read = md5Of(field)
      assert.equal(read !== undefined, /^[0-9a-f]{32}$/i.test(field.trim()))
    },
  ),
)

holds(
  'the name of a digest',
  'random names, and all that there are',
  'one that can be computed, or undeclared',
  fc.property(
    fc.oneof(junk, fc.constantFrom(...getHashes(), 'sha3_512', 'BLAKE2B', 'md5', '__proto__')),
    hex,
    (name, value) => {
      const known = nodeDigest(name)
      if (known !== undefined) createHash(known)
      const proof = strongestProof({ md5: undefined, hashAlgo: name, hashValue: value })
      assert.equal(proof?.algorithm, known)
    },
  ),
)

const version = fc.record({
  id: fc.oneof(
    fc.nat(20).map((minor) => `v2.${minor}`),
    fc.constantFrom('v1', 'v2', 'v2.x', '', 'v2.99999'),
  ),
  status: fc.oneof(fc.constantFrom('CURRENT', 'SUPPORTED'), fc.jsonValue()),
})

holds(
  'a list of versions',
  'random JSON',
  'with those of the cache API, or left alone',
  fc.property(
    fc.oneof(
      fc.json(),
      junk,
      fc
        .record({ versions: fc.array(fc.oneof({ weight: 9, arbitrary: version }, fc.jsonValue()), { maxLength: 4 }) })
        .map((value) => JSON.stringify(value)),
    ),
    (document) => {
      const read = withCacheVersions(Buffer.from(document))
      if (read === undefined) return
      const { versions } = JSON.parse(read.toString()) as { versions: { id: string; status: unknown }[] }
      const minors = versions.map(({ id }) => Number(id.slice(3)))
      assert.deepEqual(
        minors,
        [...minors].sort((a, b) => b - a),
      )
      for (const minor of cacheApiVersions) assert(minors.includes(minor))
      assert.deepEqual(
        versions.map(({ status }, at) => status === 'CURRENT' || at > 0),
        versions.map(() => true),
      )
      assert.equal(versions.filter(({ status }) => status === 'CURRENT').length, 1)
      assert.equal(new Set(minors).size, minors.length)
    },
  ),
)

const query = fc.array(
  fc.tuple(
    fc.constantFrom(
      'sort',
      'sort_key',
      'sort_dir',
      'visibility',
      'size_min',
      'created_at',
      'tag',
      'name',
      'status',
      'os_hidden',
      'limit',
      'id',
      '__proto__',
    ),
    fc.oneof(junk, fc.constantFrom('asc', 'desc', 'name:asc', 'in:a,"b,c"', 'gt:2026-01-01T00:00:00Z', '5', 'true')),
  ),
  { maxLength: 4 },
)

holds(
  'the query of a listing, for the directory of images',
  'random queries',
  'an order and a filter, or refused',
  fc.property(query, (pairs) => {
    const parameters = new URLSearchParams(pairs)
    const records = [
      { id: 'a', name: 'x', size: 5, tags: [] },
      { id: 'b', name: null, size: 7, tags: ['t'] },
    ]
    try {
      const compare = imageOrder(parameters)
      assert.equal(
        Math.sign(compare(records[0] ?? {}, records[1] ?? {})),
        -Math.sign(compare(records[1] ?? {}, records[0] ?? {})),
      )
      const matches = imageFilter(parameters)
      for (const record of records) assert.equal(typeof matches(record), 'boolean')
    } catch (error) {
      assert(error instanceof ApiError && error.status === 400)
    }
  }),
)

holds(
  'a token from Keystone',
  'random answers',
  'a token that holds for a while, or refused without it',
  fc.property(
    fc.constantFrom(201, 200, 401, 404, 500),
    fc.oneof(
      fc.json(),
      junk,
      fc
        .tuple(fc.string(), fc.string())
        .map(([issued_at, expires_at]) => JSON.stringify({ token: { issued_at, expires_at } })),
      fc.constant('{"token":{"issued_at":"2026-01-01T00:00:00Z","expires_at":"2026-01-01T01:00:00Z"}}'),
    ),
    (status, body) => {
      const secret = 'gAAAA-secret'
      try {
        const read = readIssuedToken({ status, headers: [['X-Subject-Token', secret]], body })
        assert(status === 201 && read.token === secret && read.lifetimeMs > 0)
      } catch (error) {
        assert(error instanceof Error && !error.message.includes(secret))
      }
    },
  ),
)
