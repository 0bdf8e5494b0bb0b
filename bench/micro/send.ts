/**
 * How fast is the send path alone? One server after the other sends a file that lies in the page cache, without anything
 * else that a proxy does: `node bench/micro/send.ts [--rounds N] [--mib N]`. Needs cc and nginx.
 */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildDrain } from '../client/drain.ts'
import { describeMachine, machineLine } from '../machine.ts'
import { measureUsage } from '../measure.ts'
import { startNginx } from '../peers/start-nginx.ts'
import { freePort } from '../ports.ts'
import { startServer } from '../server-process.ts'
import { type Spread, spreadOf } from '../spread.ts'
import { ways } from './send-ways.ts'

type Peer = Readonly<{ name: string; pid: number; port: number }>

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '9' }, mib: { type: 'string', default: '1024' } },
})
const rounds = Number(values.rounds)
const size = Number(values.mib) << 20

const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())

await using cleanup = new AsyncDisposableStack()
const dir = await mkdtemp(join(tmpdir(), 'afterimage-micro-'))
cleanup.defer(() => rm(dir, { recursive: true, force: true }))
const path = join(dir, 'image')
await writeImage()
const drain = await buildDrain(dir, interrupted.signal)
const peers = [...(await startOurs()), ...(await startNginxBoth())]

console.log(`${machineLine(await describeMachine(dir))}\n`)
for (const connections of [1, 8]) await measure(connections)

async function measure(connections: number): Promise<void> {
  const figures = new Map(peers.map((peer) => [peer, { speeds: [] as number[], costs: [] as number[] }]))
  const load = { requests: connections, connections }
  // In turn, so that a slow minute of the machine falls on all of them; the first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [peer, { speeds, costs }] of figures) {
      const target = { port: peer.port, path: '/image', header: 'Accept: */*' }
      const { usage, result } = await measureUsage(peer.pid, () => drain(target, size, load))
      if (round === 0) continue
      speeds.push(result.mbPerSecond)
      costs.push((usage.cpuSeconds * 2 ** 30) / (size * connections))
    }
  }
  const rows = [...figures].map(([{ name }, { speeds, costs }]) => ({
    name,
    speed: spreadOf(speeds),
    cost: spreadOf(costs),
  }))
  const sendfile = rows.find(({ name }) => name === 'nginx, sendfile')?.speed.median ?? Number.NaN
  console.log(`${values.mib} MiB, ${connections} client${connections > 1 ? 's' : ''}, ${rounds} rounds\n`)
  console.log('| server | MB/s: median (range) | ÷ nginx sendfile | CPU s per GiB: median (least) |')
  console.log('| --- | ---: | ---: | ---: |')
  for (const { name, speed, cost } of rows) {
    const ratio = (speed.median / sendfile).toFixed(2)
    console.log(`| ${name} | ${speedText(speed)} | ${ratio} | ${cost.median.toFixed(2)} (${cost.least.toFixed(2)}) |`)
  }
  console.log('')
}

function speedText({ median, least, most }: Spread): string {
  return `${median.toFixed(0)} (${least.toFixed(0)} – ${most.toFixed(0)})`
}

/** Freshly written, so it lies in the page cache; not zeros, so that no file system makes a hole of it. */
async function writeImage(): Promise<void> {
  const block = Buffer.alloc(1 << 20, 'image')
  await using file = await open(path, 'w')
  for (let at = 0; at < size; at += block.length) await file.write(block)
  await file.sync()
}

function startOurs(): Promise<Peer[]> {
  const start = async (name: string): Promise<Peer> => {
    const port = await freePort()
    const server = await startServer({
      name,
      program: process.execPath,
      args: [join(import.meta.dirname, 'send-server.ts'), `${port}`, path, name],
      cwd: dir,
      log: join(dir, 'log'),
      readyUrl: `http://127.0.0.1:${port}/`,
    })
    cleanup.defer(() => server.stop())
    return { name, pid: server.pid, port }
  }
  return Promise.all(Object.keys(ways).map(start))
}

async function startNginxBoth(): Promise<Peer[]> {
  const [port, copyPort] = [await freePort(), await freePort()]
  const values = { PORT: port, COPY_PORT: copyPort, FILES: dir }
  const { pid, stop } = await startNginx('../micro/nginx-files.conf', join(dir, 'nginx'), values)
  cleanup.defer(stop)
  return [
    { name: 'nginx, sendfile', pid, port },
    { name: 'nginx, copying', pid, port: copyPort },
  ]
}
