import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { deadline } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'
import { ask, list, openStore, record, type Store } from './directory-store.ts'

const idOf = (letter: string) => `${letter.repeat(8)}-0000-4000-8000-000000000000`

/** Three images, a to c, of 1 to 3 bytes and increasing age. */
async function threeImages(t: TestContext): Promise<Store> {
  const dir = await tempDir(t)
  for (const [index, letter] of ['a', 'b', 'c'].entries()) {
    const path = join(dir, idOf(letter))
    await writeFile(path, letter.repeat(index + 1))
    await utimes(path, new Date(`202${5 - index}-01-01`), new Date(`202${5 - index}-01-01`))
    const sidecar = { name: `image, ${letter}`, tags: ['all', letter], os_distro: letter === 'b' ? 'debian' : 'arch' }
    await writeFile(`${path}.json`, JSON.stringify(sidecar))
  }
  const store = await openStore(dir)
  for (const letter of ['a', 'b', 'c']) assert.equal((await ask(store, `/v2/images/${idOf(letter)}/file`)).status, 200)
  return store
}

async function letters(store: Store, query: string): Promise<string> {
  const { images } = await list(store, query)
  return images.map((image) => String(image.id)[0]).join('')
}

test('the versions are those of a Glance without stores, cache and imports', async (t) => {
  await using store = await openStore(await tempDir(t))
  const root = await ask(store, '/', { headers: { host: 'images.example:1234' } })
  assert.equal(root.status, 300)
  assert.equal(root.headers['content-type'], 'application/json')
  const { versions } = JSON.parse(root.text)
  assert.deepEqual(versions[0], {
    id: 'v2.17',
    status: 'CURRENT',
    links: [{ rel: 'self', href: 'http://images.example:1234/v2/' }],
  })
  assert.ok(
    versions.every((version: { id: string }) => version.id !== 'v2.14'),
    'no cache API is promised',
  )
  assert.equal((await ask(store, '/versions')).status, 200)
  for (const path of ['/v2', '/v2/', '/v1/images']) assert.equal((await ask(store, path)).status, 300, path)
  assert.equal((await ask(store, '/v2.99/images')).status, 300)
  assert.equal((await ask(store, '/v2.9/images')).status, 200)
})

test('links point to where the front says that its client found it', async (t) => {
  const caller = { headers: [['X-Forwarded-Proto', 'https']] as const, host: 'front', key: undefined, query: '' }
  await using store = await openStore(await tempDir(t), {}, { caller })
  const { versions } = JSON.parse((await ask(store, '/')).text)
  assert.equal(versions[0].links[0].href, 'https://front/v2/')
})

test('the schemas are those that clients fetch', async (t) => {
  await using store = await threeImages(t)
  const schema = JSON.parse((await ask(store, '/v2/schemas/image')).text)
  assert.equal(schema.name, 'image')
  const { os_distro: custom, ...core } = await record(store, idOf('a'))
  assert.equal(custom, 'arch')
  assert.deepEqual(Object.keys(core).sort(), Object.keys(schema.properties).sort())
  const images = JSON.parse((await ask(store, '/v2/schemas/images')).text)
  assert.deepEqual(images.properties.images.items, schema)
  assert.equal((await ask(store, '/v2/schemas/members')).status, 404)
})

test('what is not there is 404 in the shape of Glance', async (t) => {
  await using store = await openStore(await tempDir(t))
  const { status, headers, text } = await ask(store, `/v2/images/%3Cb%3E${idOf('a')}`)
  assert.equal(status, 404)
  assert.equal(headers['content-type'], 'text/html; charset=UTF-8')
  assert.match(text, /<title>404 Not Found<\/title>/)
  assert.match(text, new RegExp(`No image found with ID &#60;b&#62;${idOf('a')}<br />`))
  for (const path of ['/v2/images/', '/v2/nope', '/nope', `/v2/images/${idOf('a')}/file/x`, '//', '*']) {
    assert.equal((await ask(store, path)).status, 404, path)
  }
})

test('a target in absolute form is understood', async (t) => {
  await using store = await threeImages(t)
  assert.equal((await ask(store, `http://any.where/v2/images/${idOf('b')}/file`)).text, 'bb')
  assert.equal((await ask(store, 'http://any.where')).status, 300)
})

test('the target of the options goes before the one of the request', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, idOf('a')), 'hello')
  await using store = await openStore(dir, {}, { target: `/v2/images/${idOf('a')}/file` })
  assert.equal((await ask(store, `/images/${idOf('a')}`)).text, 'hello')
})

test('every other method is told that the store is read-only', async (t) => {
  await using store = await threeImages(t)
  const paths = ['/v2/images', `/v2/images/${idOf('a')}`, `/v2/images/${idOf('a')}/file`, '/v2/tasks', '/']
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    for (const path of paths) {
      const { status, headers, text } = await ask(store, path, {
        method,
        body: method === 'PUT' ? 'x'.repeat(1e6) : '',
      })
      assert.equal(status, 405, `${method} ${path}`)
      assert.equal(headers.allow, 'GET, HEAD')
      assert.match(text, /read-only/)
    }
  }
  assert.equal(await letters(store, ''), 'abc')
})

test('HEAD has the fields of GET and no body', async (t) => {
  await using store = await threeImages(t)
  for (const path of ['/v2/images', `/v2/images/${idOf('a')}`, '/versions', '/v2/images/nope']) {
    const [head, get] = [await ask(store, path, { method: 'HEAD' }), await ask(store, path)]
    assert.equal(head.status, get.status)
    assert.equal(head.headers['content-length'], String(get.body.length))
    assert.equal(head.body.length, 0)
  }
})

test('fields of the front are added, and take the place of ours', async (t) => {
  const responseHeaders = [
    ['Cache-Status', 'afterimage; fwd=miss'],
    ['x-openstack-request-id', 'req-of-the-front'],
  ] as const
  await using store = await openStore(await tempDir(t), {}, { responseHeaders })
  const { headers } = await ask(store, '/v2/images')
  assert.equal(headers['cache-status'], 'afterimage; fwd=miss')
  assert.equal(headers['x-openstack-request-id'], 'req-of-the-front')
})

test('a listing is sorted as it was asked for', async (t) => {
  await using store = await threeImages(t)
  for (const [query, expected] of [
    ['', 'abc'],
    ['?sort=created_at:asc', 'cba'],
    ['?sort=name', 'cba'],
    ['?sort=name:asc', 'abc'],
    ['?sort=status:asc,size:desc', 'cba'],
    ['?sort_key=name', 'cba'],
    ['?sort_key=name&sort_dir=asc', 'abc'],
    ['?sort_key=status&sort_key=size&sort_dir=asc&sort_dir=desc', 'cba'],
    ['?sort_dir=asc', 'cba'],
    ['?sort_key=size', 'cba'],
  ] as const) {
    assert.equal(await letters(store, query), expected, query)
  }
})

test('a listing gives what was asked for', async (t) => {
  await using store = await threeImages(t)
  for (const [query, expected] of [
    ['?name=image, b', 'b'],
    ['?name=in:"image, a","image, c"', 'ac'],
    ['?name=nope', ''],
    [`?id=in:${idOf('a')},${idOf('b')}`, 'ab'],
    ['?status=active', 'abc'],
    ['?status=in:queued,saving', ''],
    ['?status=bogus', ''],
    ['?visibility=public', 'abc'],
    ['?visibility=all', 'abc'],
    ['?visibility=private', ''],
    ['?tag=b', 'b'],
    ['?tag=all&tag=c', 'c'],
    ['?size_min=2', 'bc'],
    ['?size_max=2', 'ab'],
    ['?size_min=2&size_max=2', 'b'],
    ['?os_distro=debian', 'b'],
    ['?nosuch=1', ''],
    ['?owner=me', ''],
    ['?min_disk=0', 'abc'],
    ['?protected=false', 'abc'],
    ['?protected=true', ''],
    ['?os_hidden=false', 'abc'],
    ['?member_status=all', 'abc'],
    ['?deleted=false', 'abc'],
    ['?created_at=gt:2024-01-01T00:00:00Z', 'a'],
    ['?created_at=lte:2024-01-01T00:00:00', 'bc'],
    ['?updated_at=2024-01-01T01:00:00%2B01:00', 'b'],
    ['?updated_at=neq:2024-01-01T00:00:00Z', 'ac'],
    ['?checksum=0cc175b9c0f1b6a831c399e269772661', 'a'],
    ['?os_distro=debian&os_distro=arch', 'ac'],
  ] as const) {
    assert.equal(await letters(store, encodeURI(query).replaceAll('%252B', '%2B')), expected, query)
  }
})

test('what makes no sense is refused in the words of Glance', async (t) => {
  await using store = await threeImages(t)
  for (const [query, words] of [
    ['limit=-1', 'limit param must be positive'],
    ['limit=abc', 'limit param must be an integer'],
    ['limit=', 'limit param must be an integer'],
    ['marker=abc', 'No image found with ID abc'],
    ['sort_key=zzz', 'Invalid sort key: zzz'],
    ['sort=name:asc,id:foo', 'Invalid sort direction: foo'],
    ['sort_key=name&sort_dir=up', 'Invalid sort direction: up'],
    ['sort=name:asc&sort_key=id', 'Old and new sorting syntax cannot be combined'],
    ['sort_key=id&sort_dir=asc&sort_dir=desc', 'Number of sort dirs does not match'],
    ['visibility=bogus', 'Invalid visibility value: bogus'],
    ['os_hidden=abc', 'Valid values are'],
    ['protected=foo', 'Valid values are'],
    ['size_min=x', 'Unable to filter on a range with a non-numeric value.'],
    ['created_at=foo', 'Use ISO 8601 DateTime notation.'],
    ['member_status=abc', 'Invalid status: abc'],
    ['changes-since=x', 'no longer available on v2'],
  ] as const) {
    const { status, text } = await ask(store, `/v2/images?${query}`)
    assert.equal(status, 400, query)
    assert.ok(text.includes(words), `${query}: ${text}`)
  }
})

test('pages follow one another by their links', async (t) => {
  await using store = await threeImages(t)
  const first = await list(store, '?limit=2&sort=size:desc&tag=all')
  assert.equal(first.first, '/v2/images?limit=2&sort=size%3Adesc&tag=all')
  assert.equal(first.next, `/v2/images?limit=2&sort=size%3Adesc&tag=all&marker=${idOf('b')}`)
  const second = await list(store, first.next.slice('/v2/images'.length))
  assert.deepEqual(
    second.images.map((image) => image.id),
    [idOf('a')],
  )
  assert.equal(second.first, first.first)
  assert.equal(second.next, undefined)
  assert.deepEqual(await list(store, '?limit=0'), {
    images: [],
    first: '/v2/images?limit=0',
    schema: '/v2/schemas/images',
  })
})

test('ten thousand images are listed page by page', async (t) => {
  const dir = await tempDir(t)
  for (let index = 0; index < 10_000; index++) writeFileSync(join(dir, `image-${index}`), '')
  // Nothing is quiet for so long, so the test is about listing.
  await using store = await openStore(dir, { settleMs: 600_000, rescanMs: 60_000 })
  const seen = new Set<unknown>()
  let query: string | undefined = '?limit=5000'
  let pages = 0
  while (query !== undefined) {
    const page = await list(store, query)
    assert.ok(page.images.length <= 1000, 'a page has 1000 images at most')
    for (const image of page.images) seen.add(image.id)
    query = page.next?.slice('/v2/images'.length)
    pages++
  }
  assert.equal(seen.size, 10_000)
  // The last page was full, so one more was asked for, as with Glance.
  assert.equal(pages, 11)
  assert.equal((await list(store)).images.length, 25)
})

test('a client that has left before it is answered costs nothing', async (t) => {
  const dir = await tempDir(t)
  await mkdir(join(dir, 'images'))
  await writeFile(join(dir, 'images', idOf('a')), Buffer.alloc(8 << 20))
  await using store = await openStore(join(dir, 'images'), { settleMs: 600_000 })
  const socket = connect(store.port, '127.0.0.1')
  await deadline(once(socket, 'connect'), 'a connection')
  socket.end(`GET /v2/images/${idOf('a')}/file HTTP/1.1\r\nHost: x\r\n\r\n`)
  socket.destroy()
  assert.equal((await ask(store, '/v2/images')).status, 200)
  await rm(join(dir, 'images'), { recursive: true })
})
