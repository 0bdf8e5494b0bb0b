import './need-stack.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import pLimit from 'p-limit'
import { filePath } from '../../real/images.ts'
import { stack } from '../../real/stack.ts'
import { get } from '../../support/client.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { type CallerName, type Callers, openCallers, persons, strangers } from './callers.ts'
import { assertSame } from './compare.ts'
import { imageChangesAt } from './glance.ts'
import { assertNothingKept } from './kept.ts'
import { type Server, startServers } from './server.ts'

// All that is not a download: what passes through, and what only admins may.
const running = new AsyncDisposableStack()
const glance = imageChangesAt(stack.glanceUrl)
let callers: Callers
let servers: readonly Server[]
let id: string
before(async () => {
  callers = running.use(await openCallers())
  servers = await startServers(running, { glanceUrl: stack.glanceUrl, ttl: 3600 })
  const { tokens, members } = callers
  id = crypto.randomUUID()
  await glance.create(tokens.owner, id, 'shared')
  await glance.upload(tokens.owner, id, randomBytes(4096))
  await glance.addMember(tokens.owner, id, members.accepted.project)
  await glance.answerMembership(members.accepted.token, id, members.accepted.project, 'accepted')
  running.defer(() => glance.clear(tokens.admin, id))
  // It is cached, and the owner's yes is remembered: that changes nothing of what follows.
  for (const server of servers) {
    await get(server.url + filePath(id), { headers: { 'x-auth-token': tokens.owner } })
    await server.committed(id)
  }
})
after(() => running.disposeAsync())

const limit = pLimit(4)
const everybody: readonly CallerName[] = [...persons, ...strangers]
const admins: readonly CallerName[] = ['admin', 'service user']

const passed: readonly Readonly<{ step: string; path: () => string; method?: string }>[] = [
  { step: 'its record', path: () => `/v2/images/${id}` },
  { step: 'a list with it', path: () => `/v2/images?name=authority-${id}&visibility=all` },
  { step: 'its members', path: () => `/v2/images/${id}/members` },
  { step: 'a refused DELETE', path: () => `/v2/images/${crypto.randomUUID()}`, method: 'DELETE' },
  { step: 'an image that never was', path: () => `/v2/images/11111111-2222-4333-8444-555555555555/file` },
]

for (const { step, path, method = 'GET' } of sample(passed, 1)) {
  test(`${step}: as Glance tells each caller`, async () => {
    await Promise.all(
      everybody.map((caller) =>
        limit(async () => {
          const [target, headers] = [path(), callers.credentials[caller]]
          const [direct, ...through] = await Promise.all(
            [stack.glanceUrl, ...servers.map(({ url }) => url)].map((url) => get(url + target, { method, headers })),
          )
          assert(direct)
          servers.forEach(({ url, driver }, at) => {
            const got = through[at]
            assert(got)
            assertSame({ got, id, url }, { got: direct, id, url: stack.glanceUrl })
            const client = `Glance’s ${direct.status}`
            saw({ area: 'authority', fault: `shared image; ${caller}`, step, driver, client, disk: 'committed' })
          })
        }),
      ),
    )
  })
}

type Managed = Readonly<{ method: string; path: string; own?: true }>

// For an admin, each is harmless here: what they do is shown elsewhere.
const managed: readonly Managed[] = [
  { method: 'GET', path: '/v2/cache' },
  { method: 'GET', path: '/v2/cached_images' },
  { method: 'GET', path: '/v2/queued_images' },
  { method: 'DELETE', path: '/v2/queued_images' },
  { method: 'PUT', path: '/v2/cache/ID' },
  { method: 'POST', path: '/v2/cache/prune' },
  { method: 'POST', path: '/v2/cache/clean' },
  { method: 'GET', path: '/api/v1/cache/images', own: true },
  { method: 'GET', path: '/api/v1/cache/images/ID', own: true },
  { method: 'PUT', path: '/api/v1/cache/images/ID/pin', own: true },
  { method: 'POST', path: '/api/v1/cache/images/ID/verify', own: true },
  { method: 'GET', path: '/api/v1/cache/queue', own: true },
  { method: 'GET', path: '/api/v1/cache/incomplete', own: true },
]

for (const { method, path, own } of sample(managed, 3)) {
  test(`${method} ${path}: for admins only`, async () => {
    await Promise.all(
      everybody.map((caller) =>
        limit(async () => {
          for (const server of servers) {
            const addresses = own ? [server.url, server.operatorUrl] : [server.url]
            for (const url of addresses) {
              const got = await get(url + path.replace('ID', id), { method, headers: callers.credentials[caller] })
              assert.equal(got.status < 300 ? 'done' : got.status, expected(caller), `${caller} at ${url}: ${got.body}`)
            }
            const said = expected(caller)
            const client = said === 'done' ? 'it is done' : String(said)
            const step = `${method} ${path}`
            const { driver } = server
            saw({ area: 'authority', fault: `managing the cache; ${caller}`, step, driver, client, disk: 'committed' })
          }
        }),
      ),
    )
  })
}

/** Who an expired token was is nobody's business here, though a service vouches for it. */
function expected(caller: CallerName): 'done' | 401 | 403 {
  if (strangers.some((name) => name === caller)) return 401
  return admins.includes(caller) ? 'done' : 403
}

test('after all that the image is as cached as before', async () => {
  for (const server of servers) assert.deepEqual(await server.names(), [id])
})

test('no secret is left anywhere', () => assertNothingKept(servers, callers.tokens.admin))
