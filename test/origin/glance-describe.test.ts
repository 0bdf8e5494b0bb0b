import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OriginError } from '../../src/origin/origin.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { callerOf, nobody, scripted } from '../support/upstream-glance.ts'
import { json, whole } from '../support/upstream-words.ts'

const bytes = patternBytes(77)

test('reads a record as Glance writes it', async (t) => {
  const { up, glance } = await scripted(t)
  const image = up.addImage({ id: 'one', bytes, hashAlgo: 'sha3_512', updatedAt: '2026-02-03T04:05:06Z' })
  const { checksum, os_hash_value } = image.record()
  assert.deepEqual(await glance.describe('one', callerOf('token')), {
    kind: 'described',
    record: {
      id: 'one',
      status: 'active',
      size: 77,
      md5: checksum,
      hashAlgo: 'sha3_512',
      hashValue: os_hash_value,
      updatedAt: '2026-02-03T04:05:06Z',
    },
  })
  assert.equal(up.requests[0]?.header('x-auth-token'), 'token')
})

test('what is null or absent is not declared', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({
    id: 'one',
    bytes,
    status: 'queued',
    omit: ['md5', 'hash', 'size'],
    properties: { updated_at: undefined },
  })
  assert.deepEqual(await glance.describe('one', nobody), {
    kind: 'described',
    record: {
      id: 'one',
      status: 'queued',
      size: undefined,
      md5: undefined,
      hashAlgo: undefined,
      hashValue: undefined,
      updatedAt: undefined,
    },
  })
})

test('names are lower-cased, values that are no hex are not declared', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes, hashAlgo: 'SHA512', hashValue: 'ABCD', md5: 'zz' })
  const found = await glance.describe('one', nobody)
  assert.ok(found.kind === 'described')
  const { hashAlgo, hashValue, md5 } = found.record
  assert.deepEqual([hashAlgo, hashValue, md5], ['sha512', 'abcd', undefined])
})

for (const [what, answer] of [
  ['no JSON', whole(200, '{"id": ')],
  ['a list', json(200, [])],
  ['null', json(200, null)],
  ['no id', json(200, { status: 'active' })],
  ['the id of another image', json(200, { id: 'two', status: 'active', size: 77 })],
  ['a size in text', json(200, { id: 'one', status: 'active', size: '77' })],
  ['a negative size', json(200, { id: 'one', status: 'active', size: -1 })],
  ['half a byte', json(200, { id: 'one', status: 'active', size: 0.5 })],
  ['a status that is a number', json(200, { id: 'one', status: 7 })],
  ['a checksum that is an object', json(200, { id: 'one', status: 'active', checksum: {} })],
  ['more than 1 MiB', json(200, { id: 'one', status: 'active', text: 'x'.repeat(1 << 20) })],
  ['compressed bytes', whole(200, 'gzip', [['Content-Encoding', 'gzip']])],
] as const) {
  test(`a record with ${what} is a bad answer`, async (t) => {
    const { up, glance } = await scripted(t)
    up.nextAnswer(
      () => true,
      async (_request, wire) => {
        await wire.write(answer)
        return 'keep'
      },
    )
    await assert.rejects(
      glance.describe('one', nobody),
      (error) => error instanceof OriginError && error.reason === 'bad-answer' && error.message.includes(up.url),
    )
  })
}

test('a refusal is handed on', async (t) => {
  const { glance } = await scripted(t)
  const answer = await glance.describe('none', nobody)
  assert.ok(answer.kind === 'refusal' && answer.status === 404)
})

test('an id is one segment of the path, whatever it contains', async (t) => {
  const { up, glance } = await scripted(t)
  await glance.describe('../a?b%2f', nobody)
  assert.equal(up.requests[0]?.target, '/v2/images/..%2Fa%3Fb%252f')
})
