import { test } from 'node:test'
import { deadline, eventually } from '../support/deadline.ts'
import { beginFill, openImageCache } from '../support/image-cache.ts'
import { imageId } from '../support/image-id.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)

test('rule 8: a DELETE between the rename and the row leaves no row', async (t) => {
  const { up, cache, driver } = await openImageCache(t)
  up.addImage({ id, bytes: patternBytes(1000) })
  const admit = driver.admit.bind(driver)
  const reached = Promise.withResolvers<void>()
  const hold = Promise.withResolvers<void>()
  driver.admit = async (entry) => {
    reached.resolve()
    await hold.promise
    await admit(entry)
  }
  const fill = await beginFill(cache, id)
  await deadline(reached.promise, 'the file has its name')
  await cache.deleted(id)
  hold.resolve()
  await deadline(fill.done, 'the fill ends')
  await eventually(async () => (await driver.totals()).count === 0, 'nothing is known of the image', 1000)
})
