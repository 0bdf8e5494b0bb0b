import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deadline } from '../support/deadline.ts'
import { beginFill, openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { callerOf, nobody } from '../support/upstream-glance.ts'

const id = imageId(1)
const bytes = patternBytes(100_000)

describe('one promise per image', () => {
  test('rule 10: of those who enter in the same turn of the event loop exactly one leads', async (t) => {
    const { up, cache } = await openImageCache(t)
    up.addImage({ id, bytes })
    const turns = Array.from({ length: 20 }, () => cache.enter(id, nobody))
    assert.deepEqual(
      turns.map(({ role }) => role),
      ['first', ...Array(19).fill('joined')],
    )
    for (const turn of turns) {
      if (turn.role === 'first') assert.equal((await deadline(turn.led, 'the upstream answers')).kind, 'following')
      else assert.equal((await deadline(turn.outcome, 'the others learn of it')).kind, 'following')
    }
    assert.equal(up.downloads(id).length, 1)
  })

  test('rule 10: a refusal is the first one’s alone; the next one leads with its own token', async (t) => {
    const { up, cache } = await openImageCache(t)
    up.addImage({ id, bytes })
    up.allow(id, 'owner')
    up.access.know('other')
    const first = cache.enter(id, callerOf('other'))
    const second = cache.enter(id, callerOf('owner'))
    assert(first.role === 'first' && second.role === 'joined')
    assert.equal((await deadline(first.led, 'the first one is answered')).kind, 'refused')
    assert.equal((await deadline(second.outcome, 'the second one learns of it')).kind, 'again')
    const again = cache.enter(id, callerOf('owner'))
    assert(again.role === 'first')
    assert.equal((await deadline(again.led, 'the second one is answered')).kind, 'following')
    assert.equal(up.downloads(id).at(-1)?.header('x-auth-token'), 'owner')
  })
})

describe('between a look and a turn', () => {
  test('another fill may have been committed: then the first one gets a hit', async (t) => {
    const { up, cache } = await openImageCache(t)
    up.addImage({ id, bytes })
    await (await beginFill(cache, id)).done
    const turn = cache.enter(id, nobody)
    const led = turn.role === 'first' ? await deadline(turn.led, 'the second look') : undefined
    assert(led?.kind === 'hit')
    led.hit.close()
    assert.equal(up.fileRequests(id).length, 1)
  })
})

describe('an image that somebody did not find', () => {
  for (const [what, status, stays] of [
    ['404 to the cache itself: it goes', 404, false],
    ['403 to the cache itself: it stays', 403, true],
    ['401 to the cache itself: it stays', 401, true],
    ['500 to the cache itself: it stays', 500, true],
    ['no credentials of the cache: it stays', undefined, true],
  ] as const) {
    test(`rule 9: ${what}`, async (t) => {
      const own = status === undefined ? undefined : callerOf('service')
      const { up, cache } = await openImageCache(t, { ownCaller: async () => own })
      up.addImage({ id, bytes })
      const fill = await beginFill(cache, id)
      assert.equal(await deadline(fill.done, 'the fill ends'), 'committed')
      up.nextAnswer(
        (request) => request.path === `/v2/images/${id}`,
        async (request, wire) => {
          assert.equal(request.header('x-auth-token'), 'service')
          await wire.write(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`)
          return 'keep'
        },
      )
      await deadline(cache.suspect(id), 'the cache has asked')
      const hit = await cache.open(id)
      assert.equal(hit !== undefined, stays)
      hit?.close()
    })
  }
})
