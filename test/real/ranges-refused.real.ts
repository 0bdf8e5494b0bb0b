import { deepEqual, equal, match } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask } from './ask.ts'
import { sha256OfFile } from './command.ts'
import { download, startDownload } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, createWebImage, filePath, type TestImage } from './images.ts'
import { tokenOf } from './keystone.ts'
import { type RunningProxy, startProxy } from './proxy.ts'
import { imageRefusals } from './refusals.ts'
import { isDownload, isWholeDownload, startRelay } from './relay.ts'
import { sameAnswer } from './same-answer.ts'
import { stack } from './stack.ts'
import { serve } from './web-server.ts'

const MiB = 1024 * 1024

// Glance's store on a web server answers 400 to any Range, as its stores in Ceph, Swift and S3 do.

test('eight cold clients share one fill, and what it leaves is a hit, whole and in part', async () => {
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url })
  const bytes = randomBytes(32 * MiB)
  await using web = await serve(bytes)
  const token = await tokenOf('alice')
  const image = await createWebImage(token, bytes, web.url)
  const url = proxy.url + filePath(image.id)
  const headers = { range: 'bytes=0-0' }
  equal((await ask(stack.glanceUrl + filePath(image.id), { token, headers })).status, 400, 'Glance refuses ranges')

  const all = await Promise.all(Array.from({ length: 8 }, () => download(url, { token })))
  for (const one of all) deepEqual([one.status, one.size, one.sha256], [200, image.size, image.sha256])
  // A question may be a download too, but is closed after its header.
  equal(relay.requests.filter(({ answered }) => answered > image.size).length, 1, 'downloads to the end')
  await committed(proxy, image)

  const hit = await download(url, { token })
  match(hit.cacheStatus, /^afterimage; hit/)
  equal(hit.sha256, image.sha256)
  const part = await ask(url, { token, headers: { range: 'bytes=1000-1999' } })
  equal(part.status, 206)
  deepEqual(part.body, bytes.subarray(1000, 2000))
})

test('Glance decides about hits and about images that are still arriving', async () => {
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url })
  const bytes = randomBytes(8 * MiB)
  await using web = await serve(bytes)
  const token = await tokenOf('alice')
  const [stranger, nobody] = [await tokenOf('bob'), 'no-token']
  for (const refusal of imageRefusals) {
    const image = await createWebImage(token, bytes, web.url)
    // The first such answer is the fill: the questions are asked with whole downloads too, and closed after the header.
    let held = false
    const barrier = relay.hold((request) => {
      const matches = isWholeDownload(request) && request.line.includes(image.id) && !held
      held ||= matches
      return matches
    }, image.size / 2)
    const first = await startDownload(proxy.url + filePath(image.id), { token })
    await barrier.reached
    for (const caller of [stranger, nobody]) await sameAnswer(proxy.url, filePath(image.id), { token: caller })
    barrier.open()
    equal((await first.end).sha256, image.sha256)
    await committed(proxy, image)
    for (const caller of [stranger, nobody]) await sameAnswer(proxy.url, filePath(image.id), { token: caller })

    const refused = await refusal.token(image.id)
    equal((await download(proxy.url + filePath(image.id), { token: refused })).sha256, image.sha256)
    await refusal.cause(image.id, refused, stack.glanceUrl)
    equal((await sameAnswer(proxy.url, filePath(image.id), { token: refused })).status, refusal.status)
  }
})

test('when the upstream breaks off, the client gets the rest in the same answer: the fill skips what it has', async () => {
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url })
  const bytes = randomBytes(32 * MiB)
  await using web = await serve(bytes)
  const token = await tokenOf('alice')
  const image = await createWebImage(token, bytes, web.url)
  relay.cut(isWholeDownload, 20 * MiB)
  const whole = await download(proxy.url + filePath(image.id), { token })
  deepEqual([whole.status, whole.size, whole.sha256], [200, image.size, image.sha256])
  await committed(proxy, image)
  // Glance's store hands out no part, so a break costs a second download of the whole.
  equal(relay.requests.filter((one) => isWholeDownload(one) && one.answered > 20 * MiB - MiB).length, 2)
})

test('killed in mid fill and started again, the rest is right', async () => {
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url })
  const bytes = randomBytes(32 * MiB)
  await using web = await serve(bytes)
  const token = await tokenOf('alice')
  const image = await createWebImage(token, bytes, web.url)
  const barrier = relay.hold(isWholeDownload, 20 * MiB)
  await startDownload(proxy.url + filePath(image.id), { token })
  await barrier.reached
  await proxy.kill()
  barrier.open()
  await proxy.start()
  equal((await download(proxy.url + filePath(image.id), { token })).sha256, image.sha256)
  await committed(proxy, image)
})

test('a store that can do ranges is still asked for them: what one store lacks says nothing of another', async () => {
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url })
  const bytes = randomBytes(1 * MiB)
  await using web = await serve(bytes)
  const token = await tokenOf('alice')
  const image = await createWebImage(token, bytes, web.url)
  const other = await createImage(token, 8 * MiB)
  for (const { id } of [image, other]) {
    for (const _ of ['miss', 'hit']) await download(proxy.url + filePath(id), { token })
  }
  await committed(proxy, other)
  const before = relay.requests.length
  match((await download(proxy.url + filePath(other.id), { token })).cacheStatus, /^afterimage; hit/)
  const asked = relay.requests.slice(before).filter(({ line }) => line.includes(filePath(other.id)))
  deepEqual(
    asked.map(({ range }) => range),
    ['bytes=0-0'],
  )
  equal(asked.filter(isDownload).length, 0)
})

async function committed(proxy: RunningProxy, image: TestImage): Promise<void> {
  const path = join(proxy.cacheDir, image.id)
  await eventually('the committed image', 10, async () => existsSync(path))
  equal(await sha256OfFile(path), image.sha256)
}
