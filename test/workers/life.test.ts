import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { cleanup } from '../support/cleanup.ts'
import { get, open } from '../support/client.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { startProgram } from '../support/start-program.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { startWorkers } from '../support/workers.ts'

const bytes = patternBytes(5_000_000)
const id = imageId(1)

for (const driver of drivers) {
  describe(`the life of two workers, ${driver}`, () => {
    test('kill -9 of one: the other goes on, and a new one takes its place', async (t) => {
      const server = await startWorkers(t, driver)
      const { upstream, image, url } = server
      const [one, two] = [await server.connectedTo(1), await server.connectedTo(2)]
      const [leader, follower] = await server.pids()
      assert(leader !== undefined && follower !== undefined && leader < follower)

      await t.test('of one that does not lead, in the midst of its fill', async () => {
        upstream.addImage({ id, bytes })
        const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
        const lost = await open(image(id), two)
        await deadline(stall.reached, 'some of it is sent')
        const follows = await open(image(id), one)
        await eventually(() => follows.received() >= 2_900_000, 'the other follows it')
        process.kill(follower, 'SIGKILL')
        assert(!(await deadline(lost.rest, 'its own client is cut off')).complete)
        const got = await deadline(follows.rest, 'the client of the other gets the rest')
        assert(got.complete && got.body.equals(bytes))
        assert.match(upstream.downloads(id).at(-1)?.header('range') ?? '', /^bytes=\d+-/)
        await eventually(async () => (await server.pids()).length === 2, 'there are two again')
        const again = await server.connectedTo(2)
        assert((await get(image(id), again)).body.equals(bytes))
        await server.committed(id)
      })

      await t.test('of the leader: downloads go on, managing is refused for a moment, then as before', async () => {
        const via = await server.connectedTo(2)
        const list = () => get(`${url}/v2/cache`, via)
        const { body: before } = await list()
        const slow = imageId(2)
        upstream.addImage({ id: slow, bytes })
        const stall = upstream.nextFile(slow, { stallAt: 3_000_000 })
        const client = await open(image(slow), await server.connectedTo(2))
        await deadline(stall.reached, 'some of it is sent')
        process.kill(leader, 'SIGKILL')
        await eventually(async () => (await list()).status !== 200, 'managing is refused')
        const refused = await list()
        if (refused.status !== 200) {
          assert.equal(refused.status, 503)
          assert.match(String(refused.headers['retry-after']), /^\d+$/)
          assert.match(refused.body.toString(), /is being replaced/)
        }
        assert.equal((await get(image(id), via)).headers['cache-status'], 'afterimage; hit')
        stall.release()
        assert((await deadline(client.rest, 'the download ends')).body.equals(bytes))
        await eventually(async () => (await list()).status === 200, 'managing is possible again')
        const ids = (body: Buffer) => JSON.parse(body.toString()).cached_images.length
        await eventually(async () => ids((await list()).body) === ids(before) + 1, 'the other image is listed too')
        await eventually(async () => (await server.metric('afterimage_cached_images')) === 3, 'the metrics are there')
      })
    })

    test('SIGTERM: downloads of all finish, it ends with 0 and leaves a clean directory', async (t) => {
      const server = await startWorkers(t, driver, { workers: 3 })
      assert.equal(server.ready.workers, 3)
      const { upstream, image, program } = server
      upstream.addImage({ id, bytes })
      const stall = upstream.nextFile(id, { stallAt: 3_000_000 })
      const vias = await Promise.all([1, 2, 3].map((worker) => server.connectedTo(worker)))
      const clients = await Promise.all(vias.map((via) => open(image(id), via)))
      await deadline(stall.reached, 'some of it is sent')
      await eventually(() => clients.every(({ received }) => received() >= 2_900_000), 'all have what is there')
      program.kill('SIGTERM')
      await eventually(() => server.lines().filter(({ msg }) => /^ending/.test(String(msg))).length === 3, 'all end')
      stall.release()
      for (const { rest } of clients) {
        const got = await deadline(rest, 'the download finishes')
        assert(got.complete && got.body.equals(bytes))
      }
      assert.equal((await program.ended()).code, 0)
      assert.deepEqual(program.stderr(), '')
      const left = (await readdir(server.dir)).filter((name) => /-(wal|shm)$/.test(name))
      assert.deepEqual(left, [], 'rule 15: no write-ahead log stays beside the database')
      assert((await readFile(join(server.dir, id))).equals(bytes))
      const workersNamed = server.lines().filter(({ msg }) => msg !== 'afterimage is ready')
      assert(workersNamed.every(({ worker }) => [1, 2, 3].includes(Number(worker))))
    })
  })
}

describe('a server of several workers', () => {
  test('kill -9 of the primary: no worker goes on without it, and what was arriving can be resumed', async (t) => {
    const server = await startWorkers(t, 'sqlite')
    const pids = await server.pids()
    server.upstream.addImage({ id, bytes })
    const stall = server.upstream.nextFile(id, { stallAt: 3_000_000 })
    const client = await open(server.image(id))
    await deadline(stall.reached, 'some of it is sent')
    await eventually(async () => (await server.names('incomplete')).includes(id), 'it is being filled')
    server.program.kill('SIGKILL')
    assert(!(await deadline(client.rest, 'the client is cut off')).complete)
    const isGone = (pid: number) =>
      readFile(`/proc/${pid}/stat`, 'utf8').then(
        (stat) => / Z /.test(stat),
        () => true,
      )
    await eventually(async () => (await Promise.all(pids.map(isGone))).every(Boolean), 'the workers are gone')
    assert.deepEqual(await server.names('incomplete'), [id])
  })

  test('SIGTERM to one worker ends it gracefully, and another one takes its place', async (t) => {
    const server = await startWorkers(t, 'sqlite')
    const [, follower] = await server.pids()
    assert(follower !== undefined)
    server.upstream.addImage({ id, bytes })
    const stall = server.upstream.nextFile(id, { stallAt: 3_000_000 })
    const client = await open(server.image(id), await server.connectedTo(2))
    await deadline(stall.reached, 'some of it is sent')
    process.kill(follower, 'SIGTERM')
    await eventually(() => server.lines().some(({ msg }) => /^ending/.test(String(msg))), 'it is ending')
    stall.release()
    assert((await deadline(client.rest, 'the download finishes')).body.equals(bytes))
    await server.connectedTo(2)
    const says = (words: RegExp) => server.lines().some(({ msg, worker }) => worker === 2 && words.test(String(msg)))
    assert(says(/takes its place/) && says(/^worker is ready/))
  })

  test('an address in use is told once, and ends all', async (t) => {
    const taken = createServer()
    cleanup(t, () => taken.close())
    const port = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => resolve(Number(JSON.parse(JSON.stringify(taken.address())).port)))
    })
    const dir = await tempDir(t)
    const args = [`--image-cache-dir=${dir}/cache`, `--origin-path=${dir}`, '--management-bind-port=0', '--workers=3']
    const ended = await startProgram(t, 'api.ts', [...args, `--bind-port=${port}`]).ended()
    const words = `afterimage-api: cannot listen on 127.0.0.1:${port}: `
    assert.deepEqual([ended.code, ended.stderr.split('\n').length, ended.stderr.startsWith(words)], [1, 2, true])
    assert.match(ended.stderr, /EADDRINUSE/)
  })

  test('a wrong configuration is told once: 2', async (t) => {
    const { code, stderr } = await startProgram(t, 'api.ts', ['--workers=3', '--cache-limit=none']).ended()
    assert.equal(code, 2)
    assert.match(stderr, /^\[cache\] limit = "none" from --cache-limit: .*\n$/)
  })
})
