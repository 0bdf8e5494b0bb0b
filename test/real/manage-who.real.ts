import { deepEqual, equal } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Answer, type Ask, ask, mustAsk } from './ask.ts'
import { type CachingGlance, startCachingGlance } from './caching-glance.ts'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath } from './images.ts'
import { revoke, tokenOf } from './keystone.ts'
import { type RunningProxy, startProxy } from './proxy.ts'
import { stack } from './stack.ts'

// A cache in which each request would change something: an image pinned and one not, both too many; one queued, one
// invalid, one left over long ago.
describe('who may manage', () => {
  const running = new AsyncDisposableStack()
  let proxy: RunningProxy
  let glance: CachingGlance
  let cached: string
  let queued: string
  let admin: string
  before(async () => {
    const started = [startProxy({ flags: ['--image-cache-max-size=1000'] }), startCachingGlance()] as const
    const [ours, theirs] = await Promise.all(started)
    proxy = running.use(ours)
    glance = running.use(theirs)
    admin = await tokenOf('admin')
    const owner = await tokenOf('alice')
    const image = await createImage(owner, 100_000)
    const pinned = await createImage(owner, 100_000)
    for (const { id } of [image, pinned]) {
      await download(proxy.url + filePath(id), { token: owner })
      await eventually('the committed image', 10, async () => existsSync(join(proxy.cacheDir, id)))
    }
    cached = image.id
    // Bob's own: of an image that he cannot see Glance says to him that there is none, before it looks who he is.
    queued = (await createImage(await tokenOf('bob'), 100_000)).id
    await mustAsk(`${proxy.url}/api/v1/cache/images/${pinned.id}/pin`, { method: 'PUT', token: admin })
    await mustAsk(`${proxy.url}/v2/queued_images/${queued}`, { method: 'PUT', token: admin })
    for (const place of ['invalid', 'incomplete']) {
      const path = join(proxy.cacheDir, place, crypto.randomUUID())
      await writeFile(path, 'left')
      await utimes(path, 1e9, 1e9)
    }
  })
  after(() => running.disposeAsync())

  type Request = readonly [method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string]

  /** Glance has these, too. */
  const ofGlance = (): Request[] => [
    ['GET', '/v2/cache'],
    ['PUT', `/v2/cache/${queued}`],
    ['DELETE', `/v2/cache/${queued}`],
    ['DELETE', '/v2/cache'],
    ['GET', '/v2/cached_images'],
    ['DELETE', '/v2/cached_images'],
    ['DELETE', `/v2/cached_images/${cached}`],
    ['GET', '/v2/queued_images'],
    ['PUT', `/v2/queued_images/${cached}`],
    ['DELETE', '/v2/queued_images'],
    ['DELETE', `/v2/queued_images/${queued}`],
  ]

  const ofOurs = (): Request[] => [
    ['POST', '/v2/cache/clean'],
    ['POST', '/v2/cache/prune'],
    ['GET', '/v2/cached-images'],
    ['DELETE', '/cached_images'],
    ['DELETE', '/queued-images'],
    ['DELETE', `/cached-images/${cached}`],
    ['GET', '/api/v1/cache/images'],
    ['GET', `/api/v1/cache/images/${cached}`],
    ['PUT', `/api/v1/cache/images/${cached}/pin`],
    ['DELETE', `/api/v1/cache/images/${cached}/pin`],
    ['POST', `/api/v1/cache/images/${cached}/verify`],
    ['GET', '/api/v1/cache/incomplete'],
    ['GET', '/api/v1/cache/queue'],
    ['POST', '/api/v1/cache/prefetch'],
  ]

  type Stranger = Readonly<{ name: string; status: number; token: () => Promise<string | undefined> }>

  const strangers: readonly Stranger[] = [
    { name: 'nobody', status: 401, token: async () => undefined },
    { name: 'a token that never was one', status: 401, token: async () => 'gAAAAABnot-a-token' },
    { name: 'a member of a project', status: 403, token: () => tokenOf('bob') },
    {
      name: 'an admin whose token was revoked',
      status: 401,
      async token() {
        const token = await tokenOf('admin')
        await revoke(token)
        return token
      },
    },
    {
      name: 'an admin whose token has expired',
      status: 401,
      async token() {
        const token = await tokenOf('admin', stack.briefKeystoneUrl)
        const url = `${stack.glanceUrl}/v2/images?limit=1`
        await eventually('the end of the token', 15, async () => (await ask(url, { token })).status === 401)
        return token
      },
    },
  ]

  for (const { name, status, token: tokenFor } of strangers) {
    test(`${name}: ${status} everywhere, and nothing changes`, async () => {
      const token = await tokenFor()
      const before = await everything()
      for (const [method, path] of [...ofGlance(), ...ofOurs()]) {
        equal(
          (await ask(proxy.url + path, { method, ...(token !== undefined && { token }) })).status,
          status,
          `${method} ${path}`,
        )
      }
      deepEqual(await everything(), before)
    })

    test(`${name}: told as Glance tells it, whatever form is wanted`, async () => {
      const token = await tokenFor()
      for (const [method, path] of ofGlance()) {
        for (const accept of [undefined, '*/*', 'application/json']) {
          const headers = accept === undefined ? {} : { accept }
          const options: Ask = { method, headers, ...(token !== undefined && { token }) }
          const [ours, theirs] = await Promise.all([ask(proxy.url + path, options), ask(glance.url + path, options)])
          deepEqual(told(ours), told(theirs), `${method} ${path}, Accept: ${accept}`)
        }
      }
    })
  }

  test('an admin may, and everything does change', async () => {
    const before = await everything()
    for (const [method, path] of [...ofGlance(), ...ofOurs()]) {
      const { status, body } = await ask(proxy.url + path, { method, token: admin })
      // What was deleted a moment ago is not there any more.
      equal(status < 300 || status === 404, true, `${method} ${path}: ${status} ${body}`)
    }
    equal(before.length > (await everything()).length, true)
  })

  /** Every file with its size and time, and every image with what is known of it. */
  async function everything(): Promise<string[]> {
    const names = (await readdir(proxy.cacheDir, { recursive: true })).filter((name) => /[0-9a-f-]{36}$/.test(name))
    const files = names.sort().map(async (name) => {
      const { size, mtimeMs } = await stat(join(proxy.cacheDir, name))
      return `${name} ${size} ${mtimeMs}`
    })
    const { body } = await mustAsk(`${proxy.url}/api/v1/cache/images`, { token: admin })
    return [...(await Promise.all(files)), ...body.toString().split('},')]
  }

  const told = ({ status, headers, body }: Answer) => ({
    status,
    type: headers['content-type'],
    challenge: headers['www-authenticate'],
    body: headers['content-type'] === 'application/json' ? JSON.parse(body.toString()) : body.toString(),
  })
})
