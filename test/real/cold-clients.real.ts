import { deepEqual, equal, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { download, startDownload } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath } from './images.ts'
import { tokenOf } from './keystone.ts'
import { startProxy } from './proxy.ts'
import { isDownload, isWholeDownload, type PassedRequest, startRelay } from './relay.ts'
import { answersInGlancesLog, stack } from './stack.ts'

const MiB = 1024 * 1024
const eight = Array.from({ length: 8 })

test('eight cold clients at once cost Glance one download, and all get the right bytes', async () => {
  await using proxy = await startProxy()
  const token = await tokenOf('alice')
  const image = await createImage(token, 256 * MiB)
  const all = await Promise.all(eight.map(() => download(proxy.url + filePath(image.id), { token })))
  for (const one of all) deepEqual([one.status, one.size, one.sha256], [200, image.size, image.sha256])
  const whole = () => answersInGlancesLog(`GET ${filePath(image.id)}`, 200)
  await eventually('the download in the log of Glance', 10, async () => (await whole()) > 0)
  await eventually('the committed image', 30, async () => existsSync(join(proxy.cacheDir, image.id)))
  equal(await whole(), 1, 'whole downloads in the log of Glance')
})

test('a client whose permission comes when the fill has ended already is served from what it left', async () => {
  await using relay = await startRelay(stack.glanceUrl)
  await using proxy = await startProxy({ originUrl: relay.url })
  const token = await tokenOf('alice')
  for (const range of [undefined, 'bytes=0-1048575']) {
    const image = await createImage(token, 8 * MiB)
    const url = proxy.url + filePath(image.id)
    const ofThis = ({ line }: PassedRequest) => line.includes(filePath(image.id))
    const fill = relay.hold((request) => ofThis(request) && isWholeDownload(request), image.size / 2)
    const question = relay.hold((request) => ofThis(request) && request.range === 'bytes=0-0', 0)
    const first = await startDownload(url, { token })
    await fill.reached
    const late = download(url, { token: await tokenOf('admin'), ...(range !== undefined && { range }) })
    await question.reached
    fill.open()
    equal((await first.end).sha256, image.sha256)
    await eventually('the committed image', 10, async () => existsSync(join(proxy.cacheDir, image.id)))
    question.open()
    const { status, size, sha256 } = await late
    if (range === undefined) deepEqual([status, sha256], [200, image.sha256])
    else deepEqual([status, size], [206, 1 * MiB])
    equal(relay.requests.filter((request) => ofThis(request) && isDownload(request)).length, 1, 'downloads')
  }
})

test('behind a link of 100 MB/s, eight cold clients take at most 1.15 times as long as one', async (t) => {
  await using relay = await startRelay(stack.glanceUrl, 100e6)
  await using proxy = await startProxy({ originUrl: relay.url })
  const token = await tokenOf('alice')
  // A busy machine slows some rounds down, not each of five.
  const ratios: number[] = []
  do {
    const [first, second] = [await createImage(token, 256 * MiB), await createImage(token, 256 * MiB)]
    const one = await secondsOf(1, proxy.url + filePath(first.id), token, first.size)
    const many = await secondsOf(8, proxy.url + filePath(second.id), token, second.size)
    t.diagnostic(`one client ${one.toFixed(2)} s, eight ${many.toFixed(2)} s`)
    ratios.push(many / one)
  } while (Math.min(...ratios) > 1.15 && ratios.length < 5)
  ok(Math.min(...ratios) <= 1.15, `eight clients took ${ratios.map((ratio) => ratio.toFixed(2))} times as long as one`)
})

const execute = promisify(execFile)

/** Clients that cost little, so that the machine's time goes to the proxy. */
async function secondsOf(clients: number, url: string, token: string, size: number): Promise<number> {
  const start = performance.now()
  const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code} %{size_download}', '-H', `X-Auth-Token: ${token}`, url]
  const all = await Promise.all(eight.slice(0, clients).map(() => execute('curl', args)))
  for (const { stdout } of all) equal(stdout, `200 ${size}`)
  return (performance.now() - start) / 1000
}
