import { deepEqual, equal, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sha256OfFile } from './command.ts'
import { download, startDownload } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath } from './images.ts'
import { tokenOf } from './keystone.ts'
import { startProxy } from './proxy.ts'
import { isDownload, isWholeDownload, startRelay } from './relay.ts'
import { stack } from './stack.ts'

const MiB = 1024 * 1024

test('killed in mid fill and started again, it fetches only the rest from Glance', async () => {
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url })
  const token = await tokenOf('alice')
  const image = await createImage(token, 64 * MiB)
  const url = proxy.url + filePath(image.id)

  const barrier = relay.hold(isWholeDownload, 40 * MiB)
  const broken = await startDownload(url, { token })
  await barrier.reached
  await proxy.kill()
  await broken.end.then(
    () => ok(false, 'a client of a killed proxy has no whole image'),
    () => undefined,
  )
  ok(existsSync(join(proxy.cacheDir, 'incomplete', image.id)), 'what had arrived is still there')
  const before = relay.requests.length
  barrier.open()
  await proxy.start()

  const whole = await download(url, { token })
  deepEqual([whole.status, whole.size, whole.sha256], [200, image.size, image.sha256])
  const fills = relay.requests.slice(before).filter(isDownload)
  equal(fills.length, 1, 'downloads that Glance saw after the restart')
  const start = Number(/^bytes=(\d+)-/.exec(fills[0]?.range ?? '')?.[1])
  ok(start > 0 && start <= 40 * MiB, `Range: bytes=N- of what was there: ${fills[0]?.range}`)
  const answered = fills[0]?.answered ?? 0
  ok(answered >= image.size - start && answered < image.size - start + 4096, `only the rest was sent: ${answered}`)
  const committed = join(proxy.cacheDir, image.id)
  await eventually('the committed image', 10, async () => existsSync(committed))
  equal(await sha256OfFile(committed), image.sha256)
})
