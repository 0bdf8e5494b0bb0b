import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { cleanup } from '../../support/cleanup.ts'
import { get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { type RunningWorkers, startWorkers } from '../../support/workers.ts'
import { isSample, sized } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import { ask } from './scene.ts'

const mib = 1 << 20

/** Memory of the server's process that is resident now. */
async function residentOf({ program }: RunningWorkers): Promise<number> {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${program.pid}/status`, 'latin1')) ?? []
  return Number(kib) * 1024
}

const told = (step: string, fault: string, client: string) =>
  saw({ area: 'client', step, fault, driver: 'any', client, disk: 'as it was' })

test('two thousand connections that ask for nothing', async (t) => {
  const server = await startWorkers(t, 'sqlite', { workers: 1 })
  const { upstream, image, url } = server
  const id = imageId(1)
  const bytes = patternBytes(100_000)
  upstream.addImage({ id, bytes })
  await get(image(id))
  await server.committed(id)
  const before = await residentOf(server)

  const kinds = [
    ['silent', 1000, '', /^HTTP\/1\.1 408 /],
    ['half a head', 500, 'GET /healthcheck HTTP/1.1\r\nHost: h\r\nX-A:', /^HTTP\/1\.1 408 /],
    ['idle after its answer', 500, ask('GET /healthcheck'), /^HTTP\/1\.1 200 [\s\S]*OK$/],
  ] as const
  const open: { socket: Socket; text: string; isOver: boolean; kind: number }[] = []
  cleanup(t, () => {
    for (const { socket } of open) socket.destroy()
  })
  for (const [kind, [, count, sent]] of kinds.entries()) {
    for (let at = 0; at < count; at += 100) {
      for (let more = 0; more < 100; more += 1) {
        const one = { socket: connect(Number(new URL(url).port), '127.0.0.1'), text: '', isOver: false, kind }
        one.socket.on('data', (piece) => {
          one.text += piece.toString('latin1')
        })
        one.socket
          .on('error', () => undefined)
          .on('close', () => {
            one.isOver = true
          })
        one.socket.write(sent)
        open.push(one)
      }
      await eventually(() => open.every(({ socket }) => !socket.connecting), 'a hundred more connections', 30_000)
    }
  }
  await eventually(() => open.every(({ kind, text }) => kind !== 2 || text.endsWith('OK')), 'the answers', 30_000)

  const got = await deadline(get(image(id)), 'a download beside them')
  assert(got.complete && got.body.equals(bytes))
  const grown = (await residentOf(server)) - before
  // A connection takes some 10 KiB, a parser with it.
  assert(grown < 2000 * 32 * 1024, `${grown} bytes for 2000 connections`)
  assert(open.every(({ isOver }) => !isOver))
  told('beside two thousand idle connections', 'a download', 'the whole image, from the cache')
  figure({ area: 'client', name: '2000 idle connections', value: `${Math.round(grown / mib)} MiB` })
  if (isSample) return

  // Node looks every half minute; a head may take one minute, a kept connection be idle for little more.
  await eventually(() => open.every(({ isOver }) => isOver), 'all are closed', 150_000)
  for (const [kind, [fault, , , answer]] of kinds.entries()) {
    for (const one of open) if (one.kind === kind) assert.match(one.text, answer)
    told(
      'a connection that is not used',
      fault,
      fault.startsWith('idle') ? 'connection closed' : '408, connection closed',
    )
  }
})

test('thousands of images that are not there', async (t) => {
  const server = await startWorkers(t, 'sqlite', { workers: 1 })
  const { image, upstream } = server
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  cleanup(t, () => agent.destroy())
  const heapNow = () => server.metric('nodejs_heap_size_used_bytes')
  const series = async () =>
    (await get(`${server.operatorUrl()}/metrics`)).body
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('afterimage_')).length

  let next = 1000
  /** The least heap seen: what is left after a collection. */
  async function batch(count: number): Promise<number> {
    let least = Number.POSITIVE_INFINITY
    for (let done = 0; done < count; done += 40) {
      const asked = Array.from({ length: 40 }, async () => {
        next += 1
        const headers = { 'X-Auth-Token': `token-${next}` }
        const form = next % 3
        const url =
          form === 0
            ? image(imageId(next))
            : form === 1
              ? `${server.url}/images/${imageId(next)}`
              : `${server.url}/v2/images/no-id-${next}/file`
        assert.equal((await get(url, { headers, agent })).status, 404)
      })
      await Promise.all(asked)
      least = Math.min(least, await heapNow())
    }
    upstream.requests.length = 0
    return least
  }

  const step = sized(3000, 400)
  await batch(step)
  const [first, shown, files] = [await batch(step), await series(), await server.names()]
  await batch(step)
  const last = await batch(step)
  // 2 KiB for each of them would show in a whole run, where they are 6000.
  assert(last - first < 10 * mib, `the heap grew from ${first} to ${last} bytes`)
  assert.equal(await series(), shown, 'no series of metrics for what a client writes')
  assert.deepEqual(await server.names(), files)
  for (const place of ['incomplete', 'queue', 'invalid'] as const) assert.deepEqual(await server.names(place), [])
  told('images that are not there', 'thousands of ids, each with a token of its own', '404')
  figure({
    area: 'client',
    name: 'heap after thousands of 404s',
    value: `${((last - first) / mib).toFixed(1)} MiB more`,
  })
})
