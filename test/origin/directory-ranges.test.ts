import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { byteRange } from '../../src/origin/directory/byte-range.ts'
import { tempDir } from '../support/temp-dir.ts'
import { ask, nobody, openStore } from './directory-store.ts'

const id = '0a000000-0000-4000-8000-00000000000a'
const data = Buffer.from('0123456789')

/** [Range field, status, body or undefined]; sources: RFC 9110 section 14, and what a Glance 25.1 answered. */
const table: ReadonlyArray<readonly [field: string, status: number, body?: string]> = [
  ['bytes=0-0', 206, '0'],
  ['bytes=0-9', 206, '0123456789'],
  ['bytes=0-', 206, '0123456789'],
  ['bytes=9-', 206, '9'],
  ['bytes=3-5', 206, '345'],
  ['bytes=8-200', 206, '89'],
  ['bytes=0-99999999999999999999999', 206, '0123456789'],
  ['bytes=-1', 206, '9'],
  ['bytes=-10', 206, '0123456789'],
  ['bytes=-200', 206, '0123456789'],
  ['Bytes=0-1', 206, '01'],
  ['bytes= 0-1', 206, '01'],
  ['bytes=10-', 416],
  ['bytes=10-20', 416],
  ['bytes=99999999999999999999999-', 416],
  // RFC 9110 14.1.2: a suffix of no bytes is not satisfiable; Glance gives the whole image.
  ['bytes=-0', 416],
  // Glance answers these with 416 where RFC 9110 allows to ignore them; for `bytes=-` it fails with 500.
  ['bytes=5-3', 416],
  ['bytes=-', 416],
  ['bytes=', 416],
  ['bytes=abc', 416],
  ['bytes=-1-2', 416],
  ['bytes=1.5-3', 416],
  ['bytes=0x1-3', 416],
  ['abc', 416],
  // RFC 9110 14.2: a unit that is not understood must be ignored; Glance: 416.
  ['items=0-1', 200, '0123456789'],
  ['bytes=0-1,4-5', 400],
  ['bytes=0-1,', 400],
]

test('ranges are answered as RFC 9110 and Glance say', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, id), data)
  await using store = await openStore(dir)
  const whole = await ask(store, `/v2/images/${id}/file`)
  assert.equal(whole.text, '0123456789')

  for (const [field, status, body] of table) {
    const answer = await ask(store, `/v2/images/${id}/file`, { headers: { range: field } })
    assert.equal(answer.status, status, field)
    if (body !== undefined) assert.equal(answer.text, body, field)
    assert.equal(answer.headers['content-length'], String(answer.body.length), field)
    if (status === 206) {
      const start = data.toString().indexOf(answer.text)
      assert.equal(answer.headers['content-range'], `bytes ${start}-${start + answer.text.length - 1}/10`, field)
      assert.equal(answer.headers['content-md5'], whole.headers['content-md5'], field)
    }
    if (status === 416) assert.equal(answer.headers['content-range'], 'bytes */10', field)
  }
})

test('an empty image has no range', () => {
  assert.equal(byteRange('bytes=0-0', 0).kind, 'unsatisfiable')
  assert.equal(byteRange('bytes=-5', 0).kind, 'unsatisfiable')
  assert.equal(byteRange(undefined, 0).kind, 'whole')
})

test('HEAD tells of the whole image and has no body; Range is for GET alone', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, id), data)
  await using store = await openStore(dir)
  for (const headers of [{}, { range: 'bytes=0-1' }]) {
    const answer = await ask(store, `/v2/images/${id}/file`, { method: 'HEAD', headers })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['content-length'], '10')
    assert.equal(answer.headers['content-type'], 'application/octet-stream')
    assert.equal(answer.headers['content-md5'], '781e5e245d69b566979b86e28d23f2c7')
    assert.equal(answer.body.length, 0)
  }
  assert.deepEqual(store.relays.at(-1), { status: 200, bytes: 0, complete: true })
})

test('a range that depends on a validator we never gave is the whole image', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, id), data)
  await using store = await openStore(dir)
  const headers = { range: 'bytes=0-1', 'if-range': '"something"' }
  assert.equal((await ask(store, `/v2/images/${id}/file`, { headers })).text, '0123456789')
})

test('a dropped Range field is not looked at', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, id), data)
  await using store = await openStore(dir, {}, { dropHeaders: ['Range'] })
  const answer = await ask(store, `/v2/images/${id}/file`, { headers: { range: 'bytes=0-1' } })
  assert.equal(answer.status, 200)
  assert.equal(answer.text, '0123456789')
})

test('a download starts where it was asked to', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, id), data)
  await using store = await openStore(dir)
  const { origin } = store
  const cases = [
    [undefined, 200, 0, '0123456789'],
    [{ start: 0, end: undefined }, 206, 0, '0123456789'],
    [{ start: 4, end: undefined }, 206, 4, '456789'],
    [{ start: 4, end: 6 }, 206, 4, '45'],
    [{ start: 4, end: 600 }, 206, 4, '456789'],
  ] as const
  for (const [range, status, offset, text] of cases) {
    const download = await origin.download(id, nobody, range)
    assert.ok(download.kind === 'download', JSON.stringify(range))
    assert.equal(download.status, status)
    assert.equal(download.offset, offset)
    assert.deepEqual(download.identity, { size: 10, md5: '781e5e245d69b566979b86e28d23f2c7' })
    const chunks: Buffer[] = []
    await download.deliver((chunk) => chunks.push(Buffer.from(chunk)))
    assert.equal(Buffer.concat(chunks).toString(), text)
  }
  const beyond = await origin.download(id, nobody, { start: 10, end: undefined })
  assert.ok(beyond.kind === 'refusal')
  assert.equal(beyond.status, 416)
})
