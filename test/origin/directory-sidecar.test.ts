import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, lchown, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'node:test'
import { uuidOfFileName } from '../../src/origin/directory/image-uuid.ts'
import { eventually } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'
import { ask, list, nobody, openStore, record } from './directory-store.ts'

const own = '0b000000-0000-4000-8000-00000000000b'

const isDigested = (path: string) => async () => {
  if (!existsSync(path)) return false
  return 'afterimage' in JSON.parse(await readFile(path, 'utf8'))
}

test('the sidecar of an operator is shown as Glance shows it, and kept', async (t) => {
  const dir = await tempDir(t)
  const sidecar = join(dir, 'a.img.json')
  const written = {
    name: 'Debian 12',
    id: own.toUpperCase(),
    min_disk: 3,
    min_ram: 512,
    tags: ['stable'],
    protected: true,
    owner: null,
    created_at: '2024-05-06T07:08:09Z',
    os_distro: 'debian',
    hw_cores: 4,
    hw_boot: true,
    'note:deep': { kept: ['as', 'it', 'is'] },
    properties: { os_version: '12' },
    // Members of a saved record that the file itself decides.
    size: 1,
    status: 'queued',
    visibility: 'private',
    checksum: 'f'.repeat(32),
    self: '/elsewhere',
  }
  await writeFile(join(dir, 'a.img'), 'hello')
  await writeFile(sidecar, JSON.stringify(written))
  await chmod(sidecar, 0o640)
  await using store = await openStore(dir)
  assert.equal((await ask(store, `/v2/images/${own}/file`)).text, 'hello')
  assert.deepEqual(await record(store, own), {
    name: 'Debian 12',
    id: own,
    min_disk: 3,
    min_ram: 512,
    tags: ['stable'],
    protected: true,
    owner: null,
    created_at: '2024-05-06T07:08:09Z',
    os_distro: 'debian',
    hw_cores: '4',
    hw_boot: 'true',
    os_version: '12',
    size: 5,
    virtual_size: 5,
    status: 'active',
    visibility: 'public',
    checksum: '5d41402abc4b2a76b9719d911017c592',
    os_hash_algo: 'sha512',
    os_hash_value:
      '9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043',
    disk_format: 'raw',
    container_format: 'bare',
    os_hidden: false,
    updated_at: `${(await stat(join(dir, 'a.img'))).mtime.toISOString().slice(0, 19)}Z`,
    self: `/v2/images/${own}`,
    file: `/v2/images/${own}/file`,
    schema: '/v2/schemas/image',
  })
  await eventually(isDigested(sidecar), 'the digests are kept')
  const { afterimage, ...rest } = JSON.parse(await readFile(sidecar, 'utf8'))
  assert.deepEqual(rest, written)
  assert.equal(afterimage.size, 5)
  assert.equal((await stat(sidecar)).mode & 0o777, 0o640)
  assert.deepEqual(store.warnings, [])
})

test('an edited sidecar is seen', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), 'hello')
  await using store = await openStore(dir)
  assert.equal((await list(store)).images[0]?.name, 'a.img')
  await eventually(isDigested(join(dir, 'a.img.json')), 'the digests are kept')
  await writeFile(join(dir, 'a.img.json'), JSON.stringify({ id: own, name: 'renamed' }))
  const [image] = (await list(store)).images
  assert.deepEqual([image?.id, image?.name, image?.status], [own, 'renamed', 'active'])
  assert.equal((await ask(store, `/v2/images/${uuidOfFileName('a.img')}`)).status, 404)
  await rm(join(dir, 'a.img.json'))
  assert.equal((await list(store)).images[0]?.id, uuidOfFileName('a.img'))
})

for (const [what, junk] of [
  ['no JSON', '{"id": '],
  ['no object', '["id"]'],
  ['empty', ''],
] as const) {
  test(`a sidecar that is ${what} is complained of and left alone, and the image served`, async (t) => {
    const dir = await tempDir(t)
    await writeFile(join(dir, 'a.img'), 'hello')
    await writeFile(join(dir, 'a.img.json'), junk)
    await using store = await openStore(dir)
    const id = uuidOfFileName('a.img')
    assert.equal((await ask(store, `/v2/images/${id}/file`)).text, 'hello')
    assert.equal((await record(store, id)).status, 'active')
    assert.deepEqual(store.warnings, ['"a.img.json": is not a JSON object and is ignored'])
    // The digests are long known: had it been written to, it would have been by now.
    await store.origin[Symbol.asyncDispose]()
    assert.equal(await readFile(join(dir, 'a.img.json'), 'utf8'), junk)
  })
}

test('what is wrong in a sidecar is complained of, the rest holds', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), 'hello')
  const members = { id: 'my-image', name: 7, min_disk: '3', tags: 'x', created_at: 'today', min_ram: 9, __proto__: 1 }
  await writeFile(join(dir, 'a.img.json'), `{"__proto__": "odd", ${JSON.stringify(members).slice(1)}`)
  await using store = await openStore(dir)
  const image = await record(store, uuidOfFileName('a.img'))
  assert.equal(image.name, 'a.img')
  assert.equal(image.min_ram, 9)
  assert.equal(Object.getOwnPropertyDescriptor(image, '__proto__')?.value, 'odd')
  assert.deepEqual(store.warnings.sort(), [
    '"a.img.json": "created_at" must be a time like 2026-01-31T12:00:00Z and is ignored',
    '"a.img.json": "id" must be a UUID and is ignored: the id comes from the file name',
    '"a.img.json": "min_disk" must be a whole number and is ignored',
    '"a.img.json": "name" must be text of at most 255 characters and is ignored',
    '"a.img.json": "tags" must be a list of texts and is ignored',
  ])
})

test('facts that are not complete are worked out anew', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), 'hello')
  const { size, mtimeMs } = await stat(join(dir, 'a.img'))
  const afterimage = { size, mtime_ms: mtimeMs, checksum: 'x', os_hash_algo: 'sha512', os_hash_value: 'y' }
  await writeFile(join(dir, 'a.img.json'), JSON.stringify({ afterimage }))
  await using store = await openStore(dir)
  await ask(store, `/v2/images/${uuidOfFileName('a.img')}/file`)
  assert.equal((await record(store, uuidOfFileName('a.img'))).checksum, '5d41402abc4b2a76b9719d911017c592')
})

test('of two files with one id the first by name is served', async (t) => {
  const dir = await tempDir(t)
  for (const name of ['b.img', 'a.img']) {
    await writeFile(join(dir, name), `content of ${name}`)
    await writeFile(join(dir, `${name}.json`), JSON.stringify({ id: own }))
  }
  await using store = await openStore(dir)
  assert.equal((await ask(store, `/v2/images/${own}/file`)).text, 'content of a.img')
  assert.equal((await list(store)).images.length, 1)
  assert.deepEqual(store.warnings, [`"b.img" is not served: "a.img" has its id ${own} too`])
  await rm(join(dir, 'a.img'))
  assert.equal((await ask(store, `/v2/images/${own}/file`)).text, 'content of b.img')
})

test('a deactivated image is shown and its data refused; a hidden one is not listed', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), 'hello')
  await writeFile(join(dir, 'a.img.json'), JSON.stringify({ id: own, status: 'deactivated', os_hidden: true }))
  await using store = await openStore(dir)
  assert.deepEqual((await list(store)).images, [])
  assert.equal((await list(store, '?os_hidden=true')).images[0]?.id, own)
  assert.equal((await record(store, own)).status, 'deactivated')
  const { status, text } = await ask(store, `/v2/images/${own}/file`)
  assert.equal(status, 403)
  assert.match(text, /The requested image has been deactivated. Image data download is forbidden./)
  const asked = await store.origin.ask(own, nobody)
  assert.ok(asked.kind === 'refusal' && asked.status === 403)
})

test('links are followed as far as their owner is trusted', async (t) => {
  const [dir, elsewhere] = [await tempDir(t), await tempDir(t)]
  await mkdir(join(dir, 'releases'))
  await writeFile(join(dir, 'releases', 'v1'), 'inside')
  await writeFile(join(elsewhere, 'golden'), 'outside')
  await symlink('releases/v1', join(dir, 'current.img'))
  await symlink(join(elsewhere, 'golden'), join(dir, 'golden.img'))
  await symlink('nowhere', join(dir, 'dangling.img'))
  await symlink(elsewhere, join(dir, 'directory.img'))
  await using store = await openStore(dir)
  assert.equal((await ask(store, `/v2/images/${uuidOfFileName('current.img')}/file`)).text, 'inside')
  assert.equal((await ask(store, `/v2/images/${uuidOfFileName('golden.img')}/file`)).text, 'outside')
  assert.equal((await list(store)).images.length, 2)
  assert.deepEqual(store.warnings, [])
  // What is known of a link is kept beside the link.
  await eventually(isDigested(join(dir, 'golden.img.json')), 'the sidecar beside the link')
  assert.ok(!existsSync(join(elsewhere, 'golden.json')))
})

const notRoot = process.getuid?.() === 0 ? undefined : 'only root can give a link to another user'
test("another user's link leads to nothing but that user's files and this directory", { skip: notRoot }, async (t) => {
  const [dir, elsewhere] = [await tempDir(t), await tempDir(t)]
  await writeFile(join(elsewhere, 'secret'), 'root only')
  await writeFile(join(elsewhere, 'theirs'), 'theirs')
  await lchown(join(elsewhere, 'theirs'), 12345, 12345)
  await writeFile(join(dir, 'inside'), 'inside')
  for (const [name, target] of [
    ['secret.img', join(elsewhere, 'secret')],
    ['theirs.img', join(elsewhere, 'theirs')],
    ['inside.img', 'inside'],
  ] as const) {
    await symlink(target, join(dir, name))
    await lchown(join(dir, name), 12345, 12345)
  }
  await using store = await openStore(dir)
  assert.equal((await ask(store, `/v2/images/${uuidOfFileName('secret.img')}/file`)).status, 404)
  assert.equal((await ask(store, `/v2/images/${uuidOfFileName('theirs.img')}/file`)).text, 'theirs')
  assert.equal((await ask(store, `/v2/images/${uuidOfFileName('inside.img')}/file`)).text, 'inside')
  assert.equal(store.warnings.length, 1)
  assert.match(store.warnings[0] ?? '', /^"secret.img" is not served: the link leads out of the directory/)
})
