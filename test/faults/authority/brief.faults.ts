import './need-stack.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { filePath } from '../../real/images.ts'
import { revoke } from '../../real/keystone.ts'
import { stack } from '../../real/stack.ts'
import { get } from '../../support/client.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { type Callers, openCallers } from './callers.ts'
import { changes } from './changes.ts'
import { assertSame } from './compare.ts'
import { type ImageChanges, imageChangesAt, type Visibility } from './glance.ts'
import { assertNothingKept } from './kept.ts'
import { type Directory, openDirectory, type Person, tokenFor } from './keystone.ts'
import { type Server, startServers } from './server.ts'

// What happens behind the cache's back is known to it by the end of the time for which a yes is remembered.
const ttl = 4

const running = new AsyncDisposableStack()
const glance = imageChangesAt(stack.glanceUrl)
let callers: Callers
let directory: Directory
let servers: readonly Server[]
before(async () => {
  callers = running.use(await openCallers())
  directory = running.use(await openDirectory())
  servers = await startServers(running, { glanceUrl: stack.glanceUrl, ttl })
})
after(() => running.disposeAsync())

/** Somebody may read an image, and then he may not any more. */
type Ending = Readonly<{
  name: string
  visibility: Visibility
  prepare?(callers: Callers, id: string, at: ImageChanges): Promise<void>
  /** Gives his token, and what ends his right. */
  begin(): Promise<Readonly<{ token: string; end(id: string): Promise<void> }>>
  status: 401 | 403 | 404
}>

async function newcomer(): Promise<Person> {
  return directory.createPerson(await directory.createProject(), 'member')
}

const ofTokens: readonly Ending[] = [
  {
    name: 'token revoked',
    visibility: 'private',
    async begin() {
      const token = await callers.anotherToken('owner')
      return { token, end: () => revoke(token) }
    },
    status: 401,
  },
  {
    name: 'token expires',
    visibility: 'public',
    async begin() {
      const token = await tokenFor(await newcomer(), stack.briefKeystoneUrl)
      // Its few seconds are over by itself.
      return { token, end: async () => undefined }
    },
    status: 401,
  },
  {
    name: 'user disabled',
    visibility: 'public',
    async begin() {
      const person = await newcomer()
      return { token: await tokenFor(person), end: () => directory.disableUser(person.id) }
    },
    status: 401,
  },
  {
    name: 'project disabled',
    visibility: 'public',
    async begin() {
      const person = await newcomer()
      return { token: await tokenFor(person), end: () => directory.disableProject(person.projectId) }
    },
    status: 401,
  },
]

const ofImages: readonly Ending[] = changes.map(({ tokenOf, make, ...change }) => ({
  ...change,
  begin: async () => ({ token: tokenOf(callers), end: (id) => make(callers, id, glance) }),
}))

for (const ending of sample([...ofTokens, ...ofImages], 1)) {
  test(`${ending.name} behind the cache’s back: a yes is good for authorization.ttl and no longer`, async () => {
    const { tokens } = callers
    const id = crypto.randomUUID()
    const bytes = randomBytes(64 * 1024)
    await glance.create(tokens.owner, id, ending.visibility === 'public' ? 'private' : ending.visibility)
    await glance.upload(tokens.owner, id, bytes)
    if (ending.visibility === 'public') await glance.set(tokens.admin, id, 'visibility', 'public')
    await ending.prepare?.(callers, id, glance)
    running.defer(() => glance.clear(tokens.admin, id))
    for (const server of servers) {
      await get(server.url + filePath(id), { headers: { 'x-auth-token': tokens.admin } })
      await server.committed(id)
    }

    const { token, end } = await begin(ending, id, bytes)
    const granted = performance.now()
    const ask = (url: string) => asked(url, id, token)
    await end(id)

    // Asked again and again, it is not prolonged; and once it is over, it is over.
    const refused = servers.map(() => false)
    while (performance.now() < granted + ttl * 1000) {
      for (const [at, { url }] of servers.entries()) {
        const { status, body } = await ask(url)
        if (status === 200) assert(body.equals(bytes) && !refused[at], 'what he was promised')
        else refused[at] = true
      }
      await delay(100)
    }
    const direct = await ask(stack.glanceUrl)
    assert.equal(direct.status, ending.status)
    for (const { url, driver, names } of servers) {
      assert((await names()).includes(id), 'still cached')
      assertSame({ got: await ask(url), id, url }, { got: direct, id, url: stack.glanceUrl })
      const client = `the whole image for authorization.ttl at most, then Glance’s ${ending.status}`
      const step = 'it is cached, his yes remembered'
      saw({
        area: 'authority',
        fault: `${ending.name}, behind the cache’s back`,
        step,
        driver,
        client,
        disk: 'committed',
      })
    }
  })
}

test('no secret is left anywhere', () => assertNothingKept(servers, callers.tokens.admin))

const asked = (url: string, id: string, token: string) =>
  get(url + filePath(id), { headers: { 'x-auth-token': token } })

/** He reads it. A token of a few seconds may be over before that on a busy machine: then with another one. */
async function begin(ending: Ending, id: string, bytes: Buffer): ReturnType<Ending['begin']> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const begun = await ending.begin()
    const read = await Promise.all(servers.map(({ url }) => asked(url, id, begun.token)))
    if (read.every(({ body }) => body.equals(bytes))) return begun
  }
  throw new Error(`${ending.name}: he could never read it`)
}
