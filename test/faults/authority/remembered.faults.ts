import './need-stack.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { filePath } from '../../real/images.ts'
import { stack } from '../../real/stack.ts'
import { type Got, get } from '../../support/client.ts'
import { eventually } from '../../support/deadline.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { type Callers, openCallers } from './callers.ts'
import { type Changed, changes } from './changes.ts'
import { assertSame, isGranted } from './compare.ts'
import { imageChangesAt, purgeDeleted, type Visibility } from './glance.ts'
import { assertNothingKept } from './kept.ts'
import { type Server, startServers } from './server.ts'

// A yes is good for this long without another question, so none of these tests ends by the clock.
const ttl = 3600
const size = 64 * 1024

const running = new AsyncDisposableStack()
const glance = imageChangesAt(stack.glanceUrl)
let callers: Callers
let servers: readonly Server[]
/** Each of two processes, so that what one of them hears has to reach the other. */
let crowds: readonly Server[]
before(async () => {
  callers = running.use(await openCallers())
  const glanceUrl = stack.glanceUrl
  servers = await startServers(running, { glanceUrl, ttl })
  crowds = await startServers(running, { glanceUrl, ttl, flags: ['--workers=2'] })
})
after(() => running.disposeAsync())

type Image = Readonly<{ id: string; bytes: Buffer }>

async function makeImage(visibility: Visibility, owner: string = callers.tokens.owner): Promise<Image> {
  const image = { id: crypto.randomUUID(), bytes: randomBytes(size) }
  const { tokens } = callers
  await glance.create(owner, image.id, visibility === 'public' ? 'private' : visibility)
  await glance.upload(owner, image.id, image.bytes)
  if (visibility === 'public') await glance.set(tokens.admin, image.id, 'visibility', 'public')
  running.defer(() => glance.clear(tokens.admin, image.id))
  return image
}

const read = (server: Pick<Server, 'url'>, { id }: Image, headers: Record<string, string>): Promise<Got> =>
  get(server.url + filePath(id), { headers })

/** Reads, so that it is cached and this caller's yes is remembered. */
async function readFirst(server: Server, image: Image, headers: Record<string, string>): Promise<void> {
  const got = await read(server, image, headers)
  assert(got.body.equals(image.bytes), `he may read: ${got.status}`)
  await server.committed(image.id)
}

const questions = ({ relay }: Server, { id }: Image) => relay.requests.filter(({ line }) => line.includes(id)).length

async function assertAsGlance(server: Server, image: Image, headers: Record<string, string>): Promise<Got> {
  const [direct, through] = await Promise.all([
    read({ url: stack.glanceUrl }, image, headers),
    read(server, image, headers),
  ])
  const { id } = image
  assertSame({ got: through, id, url: server.url }, { got: direct, id, url: stack.glanceUrl })
  return through
}

const told = (got: Got) => (isGranted(got) ? 'the whole image' : `Glance’s ${got.status}`)
const step = 'it is cached, his yes remembered'
const disk = 'committed'

test('the same token again: Glance is not asked', async () => {
  const image = await makeImage('private')
  const by = { 'x-auth-token': callers.tokens.owner }
  for (const server of servers) {
    await readFirst(server, image, by)
    const before = questions(server, image)
    for (const range of [undefined, 'bytes=10-19'] as const) {
      const got = await read(server, image, range === undefined ? by : { ...by, range })
      assert(got.body.equals(range === undefined ? image.bytes : image.bytes.subarray(10, 20)))
    }
    assert.equal(questions(server, image), before)
    const { driver } = server
    const client = 'the image, Glance is not asked'
    saw({ area: 'authority', fault: 'the same token again', step, driver, client, disk })
  }
})

test('it never crosses tokens, credentials or images', async (t) => {
  const { tokens, credentials } = callers
  const image = await makeImage('private')
  const others = await makeImage('private', tokens.other)
  const publicImage = await makeImage('public')
  const by = { 'x-auth-token': tokens.owner }
  const cases: readonly Readonly<{ fault: string; of: Image; headers: Record<string, string> }>[] = [
    {
      fault: 'another token of the same user',
      of: image,
      headers: { 'x-auth-token': await callers.anotherToken('owner') },
    },
    {
      fault: 'the same token and a service’s',
      of: image,
      headers: { ...by, 'x-service-token': credentials['service user']['x-auth-token'] ?? '' },
    },
    {
      fault: 'the same token and a forged identity',
      of: image,
      headers: { ...credentials['no token, forged identity'], ...by },
    },
    { fault: 'the same token with one letter more', of: image, headers: { 'x-auth-token': `${tokens.owner}x` } },
    { fault: 'the same token with one letter less', of: image, headers: { 'x-auth-token': tokens.owner.slice(0, -1) } },
    { fault: 'the same token as another field', of: image, headers: { authorization: `Bearer ${tokens.owner}` } },
    { fault: 'the same token, an image of another project', of: others, headers: by },
    { fault: 'another’s token, who has a yes for another image', of: image, headers: { 'x-auth-token': tokens.other } },
  ]
  for (const server of servers) {
    await readFirst(server, image, by)
    await readFirst(server, publicImage, { 'x-auth-token': tokens.other })
    await readFirst(server, others, { 'x-auth-token': tokens.admin })
    for (const { fault, of, headers } of cases) {
      await t.test(`${fault}, ${server.driver}`, async () => {
        const before = questions(server, of)
        const got = await assertAsGlance(server, of, headers)
        assert(questions(server, of) > before, 'Glance is asked')
        saw({ area: 'authority', fault, step, driver: server.driver, client: `${told(got)}, Glance is asked`, disk })
      })
    }
  }
})

test('a change through the cache voids it, in each worker', async (t) => {
  for (const change of sample(changes, 1)) {
    for (const server of crowds) {
      await t.test(`${change.name}, ${server.driver}`, async () => {
        const image = await makeImage(change.visibility)
        await change.prepare?.(callers, image.id, glance)
        const asking = { 'x-auth-token': change.tokenOf(callers) }
        await readFirst(server, image, { 'x-auth-token': callers.tokens.admin })
        // Connections of their own: the workers take them in turn.
        for (let round = 0; round < 4; round++) await readFirst(server, image, asking)
        const before = questions(server, image)
        for (let round = 0; round < 4; round++) await readFirst(server, image, asking)
        assert.equal(questions(server, image), before, 'both remember')
        await change.make(callers, image.id, imageChangesAt(server.url))
        for (let round = 0; round < 4; round++) {
          await sees(await assertAsGlance(server, image, asking), image.id, change, server)
        }
      })
    }
  }
})

async function sees(got: Got, id: string, { name, status }: Changed, server: Server): Promise<void> {
  assert.equal(got.status, status)
  const isGone = name === 'deleted'
  await eventually(async () => (await server.names()).includes(id) !== isGone, 'what is left of it in the cache')
  const after = isGone ? 'nothing' : disk
  const { driver } = server
  saw({ area: 'authority', fault: `${name}, through the cache`, step, driver, client: told(got), disk: after })
}

test('an image that has another’s id: the old yes shows nothing of it', async (t) => {
  const { tokens } = callers
  const [old, by, next] = [
    await makeImage('public'),
    { 'x-auth-token': tokens.owner },
    { 'x-auth-token': tokens.other },
  ]
  for (const server of servers) await readFirst(server, old, by)
  await glance.delete(tokens.owner, old.id)
  await purgeDeleted()
  const now = { id: old.id, bytes: randomBytes(size) }
  await glance.create(tokens.other, now.id, 'private')
  await glance.upload(tokens.other, now.id, now.bytes)
  for (const server of servers) {
    await t.test(server.driver, async () => {
      const { driver } = server
      // What was promised: this token's yes holds for the ttl, for the image that it was said of.
      assert((await read(server, old, by)).body.equals(old.bytes))
      await readFirst(server, now, next)
      const got = await assertAsGlance(server, now, by)
      assert.equal(got.status, 404)
      assert.equal((await assertAsGlance(server, now, { ...by, range: 'bytes=0-9' })).status, 404)
      const fault = 'its id given to another project’s private image, which is cached by now'
      saw({ area: 'authority', fault, step, driver, client: told(got), disk: 'the image that has the id now' })
    })
  }
})

test('no secret is left anywhere', () => assertNothingKept([...servers, ...crowds], callers.tokens.admin))
