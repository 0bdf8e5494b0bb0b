import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Driver, ImageEntry } from '../../drivers/driver.ts'
import { openDriver } from '../../drivers/index.ts'
import { openLayout } from '../../src/cache/layout.ts'
import { ownDirectory } from '../../src/cache/use-lock.ts'
import { migrate } from '../../src/management/migrate.ts'
import { cleanup } from '../support/cleanup.ts'
import { get } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { collect, commitImage, longAgo } from '../support/driver-scene.ts'
import { imageId } from '../support/image-id.ts'
import { runManage } from '../support/manage-program.ts'
import { type DriverName, drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const other = (driver: DriverName): DriverName => (driver === 'sqlite' ? 'xattr' : 'sqlite')

async function withDriver<T>(dir: string, name: DriverName, work: (driver: Driver) => Promise<T>): Promise<T> {
  await using driver = await openDriver(name, { dir, sqliteDb: 'cache.db' })
  // Awaited here: it is closed when this returns.
  return await work(driver)
}

const entries = (dir: string, name: DriverName) => withDriver(dir, name, (driver) => collect(driver.byId()))

async function move(dir: string, from: DriverName) {
  const open = (name: DriverName) => () => openDriver(name, { dir, sqliteDb: 'cache.db' })
  return migrate({ layout: await openLayout(dir), from: open(from), to: open(other(from)) })
}

/** The configuration that the program is given, as a server has it. */
async function configFile(t: TestContext, dir: string, driver: DriverName): Promise<string> {
  const path = join(await tempDir(t), 'afterimage.conf')
  await writeFile(path, `[DEFAULT]\nimage_cache_dir = ${dir}\nimage_cache_driver = ${driver}\n`)
  return path
}

const [a, b, c] = [imageId(1), imageId(2), imageId(3)]
const nothing = { images: 0, hits: 0, pinned: 0, proven: 0, missing: 0 }

for (const from of drivers) {
  const to = other(from)
  describe(`moving metadata from ${from} to ${to}`, () => {
    async function threeImages(t: TestContext): Promise<{ dir: string; before: ImageEntry[] }> {
      const dir = await tempDir(t)
      const before = await withDriver(dir, from, async (driver) => [
        await commitImage({ driver, dir }, a, { hits: 7, accessedAt: longAgo + 60_000, pinned: true }),
        await commitImage({ driver, dir }, b, { hits: 5, accessedAt: longAgo + 90_000, facts: undefined }),
        await commitImage({ driver, dir }, c, { accessedAt: longAgo + 30_000 }),
      ])
      return { dir, before }
    }

    test('hits, times, pins and facts are there, and back again', async (t) => {
      const { dir, before } = await threeImages(t)
      const moved = { images: 3, hits: 12, pinned: 1, proven: 2, missing: 0 }
      assert.deepEqual(await move(dir, from), moved)
      assert.deepEqual(await entries(dir, to), before)
      for (const { hits, pinned, facts } of await entries(dir, from)) {
        assert.deepEqual({ hits, pinned, facts }, { hits: 0, pinned: false, facts: undefined })
      }
      assert.deepEqual(await move(dir, to), moved)
      assert.deepEqual(await entries(dir, from), before)
    })

    test('an image that nobody has asked for yet is counted, too', async (t) => {
      const dir = await tempDir(t)
      await withDriver(dir, from, (driver) => commitImage({ driver, dir }, a, { facts: undefined }))
      assert.deepEqual(await move(dir, from), { ...nothing, images: 1 })
    })

    test('made again it moves nothing and changes nothing', async (t) => {
      const { dir } = await threeImages(t)
      await move(dir, from)
      const after = await withDriver(dir, to, async (driver) => {
        await driver.touch(c, longAgo + 500_000)
        await driver.pin(a, false)
        return collect(driver.byId())
      })
      assert.deepEqual(await move(dir, from), nothing)
      assert.deepEqual(await entries(dir, to), after)
    })

    test('what the other driver knew before is replaced, what has no file is dropped', async (t) => {
      const { dir, before } = await threeImages(t)
      await withDriver(dir, to, async (driver) => {
        for (const entry of before) await driver.admit({ ...entry, hits: 99, pinned: true, facts: undefined })
      })
      await rm(join(dir, b))
      const missing = from === 'sqlite' ? 1 : 0
      assert.deepEqual(await move(dir, from), { images: 2, hits: 7, pinned: 1, proven: 2, missing })
      const after = (await entries(dir, to)).filter(({ id }) => id !== b)
      assert.deepEqual(
        after,
        before.filter(({ id }) => id !== b),
      )
    })

    test('refused while a server works there, and the server while it is under way', async (t) => {
      const upstream = await startUpstream(t)
      const image = { id: a, bytes: patternBytes(100_000) }
      upstream.addImage(image)
      const proxy = await startProxy(t, { upstream: upstream.url, driver: from })
      await get(proxy.image(a))
      await proxy.committed(a)
      const config = await configFile(t, proxy.dir, from)
      const args = ['migrate', '--from', from, '--to', to, '--config-file', config]
      const refused = await runManage(args)
      assert.equal(refused.code, 1)
      assert.match(refused.stdout + refused.stderr, /is in use: end the server and every other program on it first/)
      await proxy.close()
      assert.equal((await entries(proxy.dir, from))[0]?.hits, 0)

      {
        await using _alone = await ownDirectory(await openLayout(proxy.dir))
        const start = startProxy(t, { upstream: upstream.url, driver: from, dir: proxy.dir })
        await assert.rejects(start, /is being worked on by afterimage-cache-manage migrate: wait until it is done/)
      }

      const ran = await runManage(args)
      assert.equal(ran.code, 0, ran.stderr)
      const words = `Metadata of 1 images (0 hits, 0 pinned) in ${proxy.dir} went from ${from} to ${to}.`
      assert.equal(ran.stdout, `${words}\nSet image_cache_driver = ${to} before the server is started again.\n`)
      const again = await startProxy(t, { upstream: upstream.url, driver: to, dir: proxy.dir })
      const got = await deadline(get(again.image(a)), 'the download ends')
      assert.equal(got.headers['cache-status'], 'afterimage; hit')
      assert(got.body.equals(image.bytes))
    })

    test('killed in the middle and made again, nothing is lost', async (t) => {
      const dir = await tempDir(t)
      const ids = Array.from({ length: 1500 }, (_, n) => imageId(n + 1))
      const before = await withDriver(dir, from, async (driver) => {
        const make = (id: string, n: number) =>
          commitImage({ driver, dir }, id, { size: 10, hits: n + 1, pinned: n % 7 === 0 })
        return Promise.all(ids.map(make))
      })
      const args = ['migrate', '--from', from, '--to', to, '--config-file', await configFile(t, dir, from)]
      const program = fileURLToPath(new URL('../../src/cache-manage.ts', import.meta.url))
      const child = spawn(process.execPath, [program, ...args], { stdio: 'ignore' })
      cleanup(t, () => child.kill('SIGKILL'))
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
      await withDriver(dir, to, async (driver) => {
        await eventually(async () => ((await driver.get(ids[0] ?? ''))?.hits ?? 0) > 0, 'the move has begun')
        child.kill('SIGKILL')
        assert.equal(await deadline(ended, 'the program is killed'), null)
      })
      const ran = await runManage([...args, '--json'])
      assert.equal(ran.code, 0, ran.stderr)
      assert.equal(JSON.parse(ran.stdout).to, to)
      assert.deepEqual(await entries(dir, to), before)
    })
  })
}

test('a directory or a database that is not there is named', async (t) => {
  const dir = await tempDir(t)
  const config = await configFile(t, dir, 'sqlite')
  const ran = await runManage(['migrate', '--from', 'sqlite', '--to', 'xattr', '--config-file', config])
  assert.equal(ran.code, 1)
  assert.match(ran.stdout + ran.stderr, new RegExp(`There is no ${dir}/cache.db: nothing to migrate\\.`))
})
