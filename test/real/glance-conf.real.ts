import { equal, match } from 'node:assert/strict'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { download } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath } from './images.ts'
import { tokenOf } from './keystone.ts'
import { driver, end, freePort, run } from './proxy.ts'
import { stack } from './stack.ts'

const MiB = 1024 * 1024

test("Debian's glance-api.conf, with the cache options set in it, starts the cache", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'afterimage-glance-conf-'))
  t.after(() => rm(dir, { recursive: true }))
  const cacheDir = join(dir, 'image-cache')
  const port = await freePort()
  // As an operator does it: the lines are in the file already, behind a `#`.
  let text = await readFile('/etc/glance/glance-api.conf', 'utf8')
  const values = { bind_host: '127.0.0.1', bind_port: port, image_cache_dir: cacheDir, image_cache_driver: driver }
  for (const [name, value] of Object.entries(values)) {
    const line = new RegExp(`^#${name} = .*$`, 'm')
    match(text, line)
    text = text.replace(line, `${name} = ${value}`)
  }
  const configFile = join(dir, 'glance-api.conf')
  await writeFile(configFile, text)

  // What Glance has no options for comes from the environment.
  const env = {
    OS_ORIGIN__URL: stack.glanceUrl,
    OS_CACHE__MIN_FREE_SPACE: '0',
    OS_MANAGEMENT__BIND_PORT: '0',
  }
  const log = createWriteStream(join(stack.logDir, `afterimage-${driver}-glance-conf.log`))
  const url = `http://127.0.0.1:${port}`
  const child = await run(['--config-file', configFile], url, log, env)
  t.after(() => end(child, 'SIGTERM').finally(() => log.end()))

  const token = await tokenOf('alice')
  const image = await createImage(token, 4 * MiB)
  equal((await download(url + filePath(image.id), { token })).sha256, image.sha256)
  await eventually('the image in the directory that glance-api.conf names', 10, async () =>
    existsSync(join(cacheDir, image.id)),
  )
  equal(existsSync(join(cacheDir, 'cache.db')), driver === 'sqlite', 'the driver that glance-api.conf names')
})
