import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get } from '../support/client.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(3_000_000, 1)

for (const size of [bytes.length, bytes.length + 1]) {
  test(`another image of ${size} bytes under the id when a fill goes on: nobody gets a byte of it after the first one’s`, async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id, bytes })
    const broken = upstream.nextFile(id, { resetAt: 1_000_000 })
    const proxy = await startProxy(t, { upstream: upstream.url, driver: 'sqlite' })
    const reading = get(proxy.image(id))
    await deadline(broken.reached, 'the first third has come')
    upstream.replaceImage({ id, bytes: patternBytes(size, 2) })
    // Its end would prove wrong in any case: by then much of it could have been given out.
    upstream.nextFile(id, { stallAt: 2_500_000 })
    const got = await deadline(reading, 'the client sees an end')
    assert(!got.complete)
    assert(got.body.length <= 1_000_000 && bytes.subarray(0, got.body.length).equals(got.body))
  })
}
