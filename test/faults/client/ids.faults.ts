import assert from 'node:assert/strict'
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { imageId } from '../../support/image-id.ts'
import { drivers } from '../../support/proxy.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { oddIds } from './odd-ids.ts'
import { rawExchange } from './raw-exchange.ts'
import { ask, startScene } from './scene.ts'
import { readAnswers } from './strict-answers.ts'

const managed = [
  [
    'cached_images and queued_images',
    ['PUT /v2/queued_images/', 'DELETE /v2/queued_images/', 'PUT /queued-images/', 'DELETE /v2/cached_images/'],
  ],
  ['/v2/cache', ['PUT /v2/cache/', 'DELETE /v2/cache/']],
  [
    '/api/v1/cache',
    [
      'GET /api/v1/cache/images/',
      'PUT /api/v1/cache/images/ /pin',
      'DELETE /api/v1/cache/images/ /pin',
      'POST /api/v1/cache/images/ /verify',
    ],
  ],
] as const
const downloads = ['GET /v2/images/ /file', 'GET /v2.16/images/ /file', 'GET /images/']
const changes = ['DELETE /v2/images/', 'PATCH /v2/images/', 'PUT /v2/images/ /file', 'DELETE /v2/images/ /members/x']

/** Everything in the directory that a wrong name could touch: what the database writes is its own. */
async function snapshot(dir: string): Promise<string[]> {
  const names = (await readdir(dir, { recursive: true })).filter((name) => !name.startsWith('cache.db'))
  const facts = names.map(async (name) => {
    const { ino, size, mtimeMs, atimeMs, mode, nlink } = await lstat(join(dir, name))
    const isFolder = (mode & 0o170000) === 0o040000
    return [name, ino, size, mtimeMs, mode, nlink, isFolder ? '' : atimeMs].join(' ')
  })
  return (await Promise.all(facts)).sort()
}

for (const driver of drivers) {
  test(`what stands in the place of an id never becomes a path, ${driver}`, async (t) => {
    const { upstream, tap, proxy, id } = await startScene(t, { driver })
    const canary = 'nobody may read this'
    for (const place of ['canary', 'incomplete/canary', 'queue/canary']) await writeFile(join(proxy.dir, place), canary)
    const list = async () =>
      JSON.stringify(
        readAnswers(
          (await rawExchange(proxy.url, ask('GET /v2/cache', 'Connection: close\r\n'), 'the list')).bytes,
          [],
        ).answers[0]?.body.toString(),
      )
    const [before, listed] = [await snapshot(proxy.dir), await list()]

    /** The status of the only answer. */
    async function send(endpoint: string, odd: string): Promise<number> {
      const [method = '', start = '', end = ''] = endpoint.split(' ')
      const got = await rawExchange(proxy.url, ask(`${method} ${start}${odd}${end}`, 'Connection: close\r\n'), endpoint)
      const { answers, rest } = readAnswers(got.bytes, [method])
      assert.deepEqual([answers.length, rest.length], [1, 0])
      const [answer] = answers
      assert(!got.bytes.includes(canary) && !got.bytes.includes('SQLite format'))
      assert(!answer?.fields.some(([name, value]) => name === 'x-injected' || value.startsWith('afterimage; hit')))
      return answer?.status ?? 0
    }

    for (const { fault, of } of sample(oddIds, 6)) {
      await t.test(fault, async () => {
        const told = (step: string, client: string) =>
          saw({ area: 'client', step: `an id in a target: ${step}`, fault, driver, client, disk: 'as it was' })
        for (const [family, endpoints] of managed) {
          const asked = tap.requests.length
          for (const endpoint of endpoints) {
            const status = await send(endpoint, of(id))
            assert([400, 404].includes(status), `${endpoint}: ${status}`)
          }
          assert.equal(tap.requests.length, asked)
          told(family, '404 or 400')
        }
        for (const endpoint of downloads) {
          const status = await send(endpoint, of(id))
          assert([200, 204, 400, 404].includes(status), `${endpoint}: ${status}`)
        }
        told('a download', 'the answer of the store, or 400')
        // A store that grants everything: what it has granted is done, to an image that has this name.
        for (const endpoint of changes) {
          upstream.nextAnswer(
            () => true,
            async (request, wire) => {
              await request.body()
              await wire.write('HTTP/1.1 204 No Content\r\n\r\n')
              return 'keep'
            },
          )
          const asked = tap.requests.length
          const status = await send(endpoint, of(imageId(42)))
          assert([204, 400].includes(status), `${endpoint}: ${status}`)
          // It would be given to another request.
          if (tap.requests.length === asked)
            await rawExchange(proxy.url, ask('GET /', 'Connection: close\r\n'), 'unused')
        }
        told('a change that the store grants', 'the answer of the store, or 400')
        assert.deepEqual(await snapshot(proxy.dir), before)
      })
    }
    assert.equal(await list(), listed)
    assert.equal(await readFile(join(proxy.dir, 'canary'), 'utf8'), canary)
    assert.deepEqual(tap.violations(), [])
  })
}
