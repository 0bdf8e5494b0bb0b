import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { appendFile, mkdir, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { uuidOfFileName } from '../../src/origin/directory/image-uuid.ts'
import { OriginError } from '../../src/origin/origin.ts'
import { eventually } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'
import { ask, list, nobody, openFilesIn, openStore, record, type Store } from './directory-store.ts'

const md5 = (data: string | Buffer) => createHash('md5').update(data).digest('hex')
const sha512 = (data: string | Buffer) => createHash('sha512').update(data).digest('hex')
const longAgo = new Date('2020-02-02T02:02:02Z')

const becomesActive = (store: Store, id: string, what: string) =>
  eventually(async () => (await record(store, id)).status === 'active', what)

test('a file dropped in is served by the id of its name', async (t) => {
  const dir = await tempDir(t)
  await using store = await openStore(dir)
  assert.deepEqual((await list(store)).images, [])

  await writeFile(join(dir, 'cirros.img'), 'hello')
  const id = uuidOfFileName('cirros.img')
  const { status, text, headers } = await ask(store, `/v2/images/${id}/file`)
  assert.equal(status, 200)
  assert.equal(text, 'hello')
  assert.equal(headers['content-md5'], md5('hello'))
  assert.match(String(headers['x-openstack-request-id']), /^req-[0-9a-f-]{36}$/)
  assert.deepEqual(
    (await list(store)).images.map((image) => image.id),
    [id],
  )
})

test('ids come from names that are UUIDs, with or without an extension, else from a hash of the name', () => {
  const uuid = '6b1c3f6e-0000-4000-8000-0123456789ab'
  assert.equal(uuidOfFileName(uuid), uuid)
  assert.equal(uuidOfFileName(`${uuid.toUpperCase()}.qcow2`), uuid)
  assert.equal(uuidOfFileName(`${uuid}.tar.gz`), uuid)
  assert.notEqual(uuidOfFileName(`${uuid}x`), uuid)
  // A constant: it must be the same on every machine and in every version.
  assert.equal(uuidOfFileName('cirros.img'), '86fab1d6-abc3-5c4e-8a6f-72646ed8c7f7')
  assert.match(uuidOfFileName('b'), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

test('a removed file is gone at once, for every question', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), 'hello')
  // Not due for another listing for long: the file itself is looked at.
  await using store = await openStore(dir, { rescanMs: 60_000 })
  const id = uuidOfFileName('a.img')
  assert.deepEqual(await store.origin.ask(id, nobody), {
    kind: 'granted',
    identity: { size: 5, md5: md5('hello') },
  })
  await rm(join(dir, 'a.img'))
  for (const answer of [
    await store.origin.ask(id, nobody),
    await store.origin.describe(id, nobody),
    await store.origin.download(id, nobody),
  ]) {
    assert.ok(answer.kind === 'refusal')
    assert.equal(answer.status, 404)
    assert.match(answer.body.toString(), new RegExp(`No image found with ID ${id}`))
  }
  assert.equal((await ask(store, `/v2/images/${id}`)).status, 404)
})

test('a file replaced by another is never answered with the digest of the old one', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), 'old content')
  await using store = await openStore(dir, { rescanMs: 60_000 })
  const id = uuidOfFileName('a.img')
  assert.equal((await ask(store, `/v2/images/${id}/file`)).text, 'old content')

  await writeFile(join(dir, '.new'), 'new content, longer')
  await rename(join(dir, '.new'), join(dir, 'a.img'))
  const { text, headers } = await ask(store, `/v2/images/${id}/file`)
  assert.equal(text, 'new content, longer')
  assert.equal(headers['content-md5'], md5('new content, longer'))
})

test('a file that is still being copied in has no digest until it is quiet', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'growing.img')
  const id = uuidOfFileName('growing.img')
  await writeFile(path, 'first half,')
  await using store = await openStore(dir, { settleMs: 600_000 })
  const { status, size, checksum, os_hash_value: hash } = await record(store, id)
  assert.deepEqual([status, size, checksum, hash], ['queued', null, null, null])
  assert.equal((await ask(store, `/v2/images/${id}/file`)).status, 204)
  const refused = await store.origin.ask(id, nobody)
  assert.ok(refused.kind === 'refusal')
  assert.equal(refused.status, 204)
  const described = await store.origin.describe(id, nobody)
  assert.ok(described.kind === 'described')
  assert.equal(described.record.status, 'queued')
  assert.ok(!existsSync(`${path}.json`))

  // A tool that keeps times sets them when it has written everything.
  await utimes(path, longAgo, longAgo)
  await becomesActive(store, id, 'the quiet file is digested')
  assert.equal((await record(store, id)).checksum, md5('first half,'))

  await appendFile(path, ' second half')
  assert.equal((await record(store, id)).status, 'queued')
  assert.equal((await ask(store, `/v2/images/${id}/file`)).status, 204)

  await utimes(path, longAgo, longAgo)
  await becomesActive(store, id, 'the grown file is digested again')
  const now = await record(store, id)
  assert.equal(now.checksum, md5('first half, second half'))
  assert.equal(now.os_hash_value, sha512('first half, second half'))
  assert.equal(now.size, 23)
  assert.equal((await ask(store, `/v2/images/${id}/file`)).text, 'first half, second half')
})

test('a file from a server whose clock is ahead is digested without anybody asking', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'ahead.img')
  await writeFile(path, 'x')
  await utimes(path, new Date('2100-01-01'), new Date('2100-01-01'))
  await using _store = await openStore(dir, { settleMs: 40 })
  await eventually(() => existsSync(`${path}.json`), 'the digest is kept')
  const kept = JSON.parse(await readFile(`${path}.json`, 'utf8'))
  assert.equal(kept.id, uuidOfFileName('ahead.img'))
  assert.equal(kept.afterimage.checksum, md5('x'))
})

test('a file that changes while it is digested gets the digest of what it became', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'big.img')
  const id = uuidOfFileName('big.img')
  writeFileSync(path, '')
  await truncate(path, 64 << 20)
  await utimes(path, longAgo, longAgo)
  await using store = await openStore(dir, { settleMs: 20, digestWaitMs: 0 })
  assert.equal((await record(store, id)).status, 'queued')
  await truncate(path, 1 << 20)
  await utimes(path, longAgo, longAgo)
  await becomesActive(store, id, 'the changed file is digested')
  assert.equal((await record(store, id)).checksum, md5(Buffer.alloc(1 << 20)))
})

test('a file that was written to while it was digested is digested again, though its time was set back', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'big.img')
  const id = uuidOfFileName('big.img')
  const data = Buffer.alloc(48 << 20)
  writeFileSync(path, data)
  utimesSync(path, longAgo, longAgo)
  await using store = await openStore(dir, { digestWaitMs: 0 })
  await eventually(() => openFilesIn(dir).length > 0, 'the digest has begun')
  // Its first bytes have been read by now; tools like rsync --inplace set the time of their source at the end.
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.from('x'), 0, 1, 0)
  closeSync(file)
  await eventually(() => openFilesIn(dir).length === 0, 'the digest has ended')
  utimesSync(path, longAgo, longAgo)
  await becomesActive(store, id, 'the file is digested again')
  data.write('x')
  assert.equal((await record(store, id)).checksum, md5(data))
})

test('the event loop is free while a large file is digested', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'large.img')
  writeFileSync(path, '')
  await truncate(path, 200 << 20)
  await utimes(path, longAgo, longAgo)
  await using store = await openStore(dir, { digestWaitMs: 0 })
  const whileQueued: number[] = []
  await eventually(async () => {
    const started = performance.now()
    const [image] = (await list(store)).images
    if (image?.status === 'queued') whileQueued.push(performance.now() - started)
    return image?.status === 'active'
  }, 'the large file is digested')
  assert.ok(whileQueued.length > 3, `${whileQueued.length} listings were answered meanwhile`)
  assert.ok(Math.min(...whileQueued) < 200, `fastest listing: ${Math.min(...whileQueued)} ms`)
})

test('digests are worked out once and found again at the next start', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'a.img')
  await writeFile(path, 'hello')
  const id = uuidOfFileName('a.img')
  await using first = await openStore(dir)
  await ask(first, `/v2/images/${id}/file`)
  await eventually(() => existsSync(`${path}.json`), 'the sidecar is written')

  // A digest that is visibly not worked out anew.
  const kept = JSON.parse(await readFile(`${path}.json`, 'utf8'))
  kept.afterimage.checksum = '0'.repeat(32)
  await writeFile(`${path}.json`, JSON.stringify(kept))
  await using second = await openStore(dir)
  assert.equal((await record(second, id)).status, 'active')
  assert.equal((await record(second, id)).checksum, '0'.repeat(32))

  await writeFile(path, 'other')
  await eventually(
    async () => (await record(second, id)).checksum === md5('other'),
    'the changed file is digested anew',
  )
})

test('what is no image is not served', async (t) => {
  const dir = await tempDir(t)
  await mkdir(join(dir, 'directory'))
  execFileSync('mkfifo', [join(dir, 'fifo')])
  for (const name of ['.hidden', 'a.json', 'b.part', 'c.tmp', 'D.PART', 'image']) await writeFile(join(dir, name), 'x')
  await using store = await openStore(dir)
  assert.deepEqual(
    (await list(store)).images.map((image) => image.name),
    ['image'],
  )
  assert.deepEqual(store.warnings, [])
})

test('odd file names are names like any other', async (t) => {
  const dir = await tempDir(t)
  const names = [
    'with space.img',
    'größe-日本語.img',
    'new\nline.img',
    '%2f.img',
    'a..%2f..%2fetc%2fpasswd',
    'quote"\'<b>&.img',
    'back\\slash',
    `${'x'.repeat(251)}.img`,
    '-rf',
    '__proto__',
  ]
  for (const name of names) await writeFile(join(dir, name), `content of ${name}`)
  await using store = await openStore(dir)
  for (const name of names) {
    const { status, text } = await ask(store, `/v2/images/${uuidOfFileName(name)}/file`)
    assert.equal(status, 200, name)
    assert.equal(text, `content of ${name}`)
  }
  const { images } = await list(store)
  assert.deepEqual(images.map((image) => String(image.name)).sort(), [...names].sort())
  await eventually(() => store.warnings.length > 0, 'one name leaves no room for a sidecar')
  assert.equal(store.warnings.length, 1)
  assert.match(store.warnings[0] ?? '', /kept in memory only.*ENAMETOOLONG/)
})

test('a name that is not UTF-8 is complained of', async (t) => {
  const dir = await tempDir(t)
  writeFileSync(Buffer.from(`${dir}/caf\xe9.img`, 'latin1'), 'x')
  await using store = await openStore(dir)
  assert.deepEqual((await list(store)).images, [])
  assert.equal(store.warnings.length, 1)
  assert.match(store.warnings[0] ?? '', /not UTF-8: rename it/)
})

test('no text of a request becomes a path', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), 'x')
  await mkdir(join(dir, 'sub'))
  await writeFile(join(dir, 'sub', 'b.img'), 'x')
  await using store = await openStore(dir)
  for (const id of [
    '..',
    '%2e%2e',
    '..%2f..%2fetc%2fpasswd',
    '%2fetc%2fpasswd',
    '%00',
    '%ff%fe',
    '%',
    'a.img',
    'sub%2fb.img',
    'cache.db',
    'x'.repeat(10_000),
  ]) {
    assert.equal((await ask(store, `/v2/images/${id}/file`)).status, 404, id)
    assert.equal((await ask(store, `/v2/images/${id}`)).status, 404, id)
    const asked = await store.origin.ask(id, nobody)
    assert.ok(asked.kind === 'refusal' && asked.status === 404)
  }
  assert.equal((await ask(store, '/v2/images/../../etc/passwd')).status, 404)
})

test('a directory that went away is an unreachable store', async (t) => {
  const dir = await tempDir(t)
  await mkdir(join(dir, 'images'))
  await writeFile(join(dir, 'images', 'a.img'), 'x')
  // Not due for another listing for long: a failure is not taken for one that was done.
  await using store = await openStore(join(dir, 'images'), { rescanMs: 60_000 })
  await rm(join(dir, 'images'), { recursive: true })
  const isUnreachable = (error: unknown) => error instanceof OriginError && error.reason === 'unreachable'
  await assert.rejects(store.origin.ask(uuidOfFileName('a.img'), nobody), isUnreachable)
  await assert.rejects(store.origin.describe(uuidOfFileName('b.img'), nobody), isUnreachable)
  const { status, text } = await ask(store, '/v2/images')
  assert.equal(status, 503)
  assert.ok(!text.includes(dir), 'a client is not told where the directory is')
  assert.equal(store.warnings.filter((warning) => /cannot be listed.*ENOENT/.test(warning)).length, 1)

  await mkdir(join(dir, 'images'))
  assert.deepEqual((await list(store)).images, [])
})
