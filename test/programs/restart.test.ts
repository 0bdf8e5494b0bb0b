import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { type DriverName, drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { startProgram } from '../support/start-program.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)
const bytes = patternBytes(5_000_000)

/** The program itself in a process of its own, so that it can be killed. */
async function startProcess(t: TestContext, upstream: string, dir: string, driver: DriverName) {
  const program = startProgram(t, 'api.ts', [
    '--bind-port=0',
    '--management-bind-port=0',
    `--image-cache-dir=${dir}`,
    `--image-cache-driver=${driver}`,
    '--cache-min-free-space=0',
    `--origin-url=${upstream}`,
  ])
  await program.said('afterimage is ready')
  const url = /"listening":"([^"]+)"/.exec(program.stdout())?.[1]
  assert(url !== undefined, 'it says where it listens')
  return {
    image: `${url}/v2/images/${id}/file`,
    async kill(signal: NodeJS.Signals) {
      program.kill(signal)
      return (await program.ended()).code
    },
  }
}

for (const driver of drivers) {
  describe(`restarts, ${driver}`, () => {
    test('kill -9 in mid fill, start again, ask again: only the rest is asked for, and the file is right', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
      const dir = await tempDir(t)
      const first = await startProcess(t, upstream.url, dir, driver)
      const cutOff = await open(first.image)
      await stall.reached
      await eventually(
        async () => (await readFile(join(dir, 'incomplete', id))).length >= 3_000_000,
        'what has arrived is written',
      )
      await first.kill('SIGKILL')
      assert(!(await cutOff.rest).complete)

      const second = await startProcess(t, upstream.url, dir, driver)
      const got = await deadline(get(second.image), 'the download ends')
      assert(got.complete && got.body.equals(bytes))
      assert.equal(upstream.downloads(id).at(-1)?.header('range'), 'bytes=3000000-')
      await eventually(async () => (await get(second.image)).headers['cache-status'] === 'afterimage; hit', 'a hit')
      // What is proven is a hit a moment before it has its name.
      const committed = () => readFile(join(dir, id)).catch(() => undefined)
      await eventually(async () => (await committed())?.equals(bytes) === true, 'the file is right')
    })

    test('SIGTERM lets a download finish, ends with 0, and leaves a clean directory', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
      const dir = await tempDir(t)
      const program = await startProcess(t, upstream.url, dir, driver)
      const client = await open(program.image)
      await stall.reached
      const ending = program.kill('SIGTERM')
      stall.release()
      const got = await deadline(client.rest, 'the download finishes')
      assert(got.complete && got.body.equals(bytes))
      assert.equal(await ending, 0)
      const leftOver = await readFile(join(dir, 'cache.db-wal')).catch(() => 'none')
      assert.equal(leftOver, 'none', 'rule 15: no write-ahead log stays beside the database')
    })

    test('an ended server leaves its fill to be resumed; the digest covers the old prefix too', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes })
      const dir = await tempDir(t)
      for (const corruptAt of [undefined, 1000]) {
        const stall = upstream.nextFile(id, { stallAt: 3_000_000, ...(corruptAt === undefined ? {} : { corruptAt }) })
        const first = await startProxy(t, { upstream: upstream.url, driver, dir })
        const client = await open(first.image(id))
        await eventually(() => client.received() > 2_000_000, 'most of what is there has arrived')
        await stall.reached
        client.leave()
        await first.close()

        const second = await startProxy(t, { upstream: upstream.url, driver, dir })
        const got = await deadline(get(second.image(id)), 'the download ends')
        assert.match(String(upstream.downloads(id).at(-1)?.header('range')), /^bytes=\d+-$/)
        if (corruptAt === undefined) {
          assert(got.complete && got.body.equals(bytes))
          await second.committed(id)
          await get(`${second.url}/v2/images/${id}`, { method: 'DELETE' })
          await eventually(async () => (await second.names()).length === 0, 'deleted')
          upstream.addImage({ id, bytes })
        } else {
          assert(!got.complete, 'the wrong byte was received by the process before')
          await eventually(async () => (await second.names('invalid')).includes(id), 'it is set aside')
        }
        await second.close()
      }
    })

    test('rule 4: without a declared digest nothing is resumed across a restart', async (t) => {
      const upstream = await startUpstream(t)
      upstream.addImage({ id, bytes, omit: ['md5', 'hash'] })
      const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
      const dir = await tempDir(t)
      const first = await startProxy(t, { upstream: upstream.url, driver, dir })
      const client = await open(first.image(id))
      await stall.reached
      client.leave()
      await first.close()
      const second = await startProxy(t, { upstream: upstream.url, driver, dir })
      const got = await get(second.image(id))
      assert(got.complete && got.body.equals(bytes))
      assert.equal(upstream.downloads(id).at(-1)?.header('range'), undefined)
    })
  })
}
