import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { whole } from '../support/upstream-words.ts'

const [before, after, refused] = [imageId(1), imageId(2), imageId(3)]
const bytes = patternBytes(100_000)

for (const driver of drivers) {
  test(`a token of the cache's own that is revoked early is replaced at once, and asked for once (${driver})`, async (t) => {
    const keystone = await startUpstream(t)
    const issue = (token: string) =>
      keystone.nextAnswer(
        ({ target }) => target.startsWith('/v3/auth/tokens'),
        async (request, wire) => {
          await wire.readExactly(Number(request.header('content-length')), () => undefined)
          const times = { issued_at: '2030-01-01T00:00:00.000000Z', expires_at: '2030-01-01T01:00:00.000000Z' }
          const fields = [
            ['Content-Type', 'application/json'],
            ['X-Subject-Token', token],
          ] as const
          await wire.write(whole(201, JSON.stringify({ token: times }), fields))
          return 'close'
        },
      )
    issue('first')
    const upstream = await startUpstream(t)
    for (const id of [before, after, refused]) upstream.addImage({ id, bytes })
    upstream.access.know('first')
    const proxy = await startProxy(t, {
      upstream: upstream.url,
      driver,
      flags: [
        `--keystone-auth-url=${keystone.url}`,
        '--keystone-username=cache',
        '--keystone-password=secret',
        '--keystone-project-name=service',
        '--cache-prefetch-interval=1',
      ],
    })
    const queue = (id: string) => writeFile(join(proxy.dir, 'queue', id), '')
    await queue(before)
    await proxy.committed(before)

    upstream.access.revoke('first')
    upstream.access.know('second')
    issue('second')
    await queue(after)
    await proxy.committed(after)
    const asked = () => keystone.requests.filter(({ method }) => method === 'POST').length
    assert.equal(asked(), 2)

    // A token that Keystone has only just given is refused too: the store's word is final.
    upstream.access.revoke('second')
    issue('third')
    await queue(refused)
    await eventually(
      async () => (await proxy.metric('afterimage_prefetches_total{outcome="failed"}')) > 0,
      'it is given up',
    )
    assert.equal(asked(), 3)
    assert.deepEqual(await proxy.names(), [before, after])
  })
}
