import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { get } from '../support/client.ts'
import { imageId } from '../support/image-id.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

for (const driver of drivers) {
  test(`rule 15: beside images only the database lies where Glance deletes every file, ${driver}`, async (t) => {
    const upstream = await startUpstream(t)
    upstream.addImage({ id: imageId(1), bytes: patternBytes(1000) })
    const proxy = await startProxy(t, { upstream: upstream.url, driver })
    await get(proxy.image(imageId(1)))
    await proxy.committed(imageId(1))
    const files = (await readdir(proxy.dir, { withFileTypes: true })).filter((entry) => entry.isFile())
    const names = files.map(({ name }) => name).filter((name) => !/^cache\.db(-wal|-shm)?$/.test(name))
    assert.deepEqual(names, [imageId(1)])
  })
}
