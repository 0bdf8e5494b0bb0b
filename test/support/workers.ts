import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'
import { type Ask, get } from './client.ts'
import { deadline, eventually } from './deadline.ts'
import { imageId } from './image-id.ts'
import type { DriverName } from './proxy.ts'
import { type ScriptedUpstream, startUpstream } from './scripted-upstream.ts'
import { type StartedProgram, startProgram } from './start-program.ts'
import { tempDir } from './temp-dir.ts'
import { patternBytes } from './upstream-bytes.ts'

export type Line = Readonly<Record<string, unknown>>

export interface RunningWorkers {
  readonly upstream: ScriptedUpstream
  readonly program: StartedProgram
  readonly dir: string
  readonly url: string
  image(id: string): string
  /** Everything that was logged so far. */
  lines(): Line[]
  /** The line that says that it is ready. */
  readonly ready: Line
  /** A connection to this worker: asked again with it, the same worker answers. */
  connectedTo(worker: number): Promise<Pick<Ask, 'agent'>>
  /** Process ids of the workers, the leader's first as long as nobody was replaced. */
  pids(): Promise<number[]>
  /** Sum of a metric over all workers; 0 when it has never been counted. */
  metric(line: string): Promise<number>
  /** The address at which the operator's listener is now. */
  operatorUrl(): string
  names(place?: 'incomplete' | 'invalid' | 'queue'): Promise<string[]>
  committed(id: string): Promise<void>
  flags: readonly string[]
}

/** A small image that is only there to find out which worker has answered. */
const probe = imageId(999)

/** The program with several workers, in front of a scripted upstream; all of it ends with the test. */
export async function startWorkers(
  t: TestContext,
  driver: DriverName,
  { workers = 2, flags = [] }: Readonly<{ workers?: number; flags?: readonly string[] }> = {},
): Promise<RunningWorkers> {
  const upstream = await startUpstream(t)
  upstream.addImage({ id: probe, bytes: patternBytes(100) })
  const dir = await tempDir(t)
  const directory = [`--image-cache-dir=${dir}`, `--image-cache-driver=${driver}`, '--cache-min-free-space=0']
  const store = `--origin-url=${upstream.url}`
  const program = startProgram(t, 'api.ts', [
    `--workers=${workers}`,
    '--bind-port=0',
    '--management-bind-port=0',
    '--management-auth=none',
    '--graceful-shutdown-timeout=10',
    ...directory,
    store,
    ...flags,
  ])
  await deadline(Promise.race([program.said('afterimage is ready'), died(program)]), 'the server is ready', 30_000)

  const lines = () =>
    program
      .stdout()
      .split('\n')
      // The last one may not be there to its end.
      .slice(0, -1)
      .map((line): Line => JSON.parse(line))
  const ready = lines().find(({ msg }) => msg === 'afterimage is ready') ?? assert.fail('no such line')
  const url = String(ready.listening)
  const image = (id: string) => `${url}/v2/images/${id}/file`

  async function workerBehind(agent: Agent): Promise<number> {
    const { headers } = await get(image(probe), { agent })
    const mine = headers['x-openstack-request-id']
    const line = () => lines().find(({ requestId, msg }) => msg === 'download' && requestId === mine)
    await eventually(() => line() !== undefined, 'the download is logged')
    return Number(line()?.worker)
  }

  async function connectedTo(worker: number): Promise<Pick<Ask, 'agent'>> {
    let found: Agent | undefined
    const take = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      cleanup(t, () => agent.destroy())
      if ((await workerBehind(agent)) !== worker) return false
      found = agent
      return true
    }
    // One that has just been replaced gets none before it serves.
    await eventually(take, `worker ${worker} gets a connection`, 20_000)
    return { ...(found && { agent: found }) }
  }

  const operatorUrl = () => String(lines().findLast(({ operator }) => operator !== undefined)?.operator)
  const metric: RunningWorkers['metric'] = async (line) => {
    const text = (await get(`${operatorUrl()}/metrics`)).body.toString()
    // The sum of all workers' series.
    const series = text.split('\n').map((each) => each.replace(/,?worker="\d+"/, '').replace('{}', ''))
    const found = series.filter((candidate) => candidate.startsWith(`${line} `))
    return found.reduce((sum, each) => sum + Number(each.slice(line.length + 1)), 0)
  }
  const names: RunningWorkers['names'] = async (place = undefined) => {
    const found = await readdir(place === undefined ? dir : join(dir, place))
    return found.filter((name) => name !== probe && /^[0-9a-f-]{36}$/.test(name)).sort()
  }
  return {
    upstream,
    program,
    dir,
    url,
    image,
    lines,
    ready,
    connectedTo,
    async pids() {
      const path = `/proc/${program.pid}/task/${program.pid}/children`
      return (await readFile(path, 'utf8')).trim().split(' ').map(Number)
    },
    metric,
    operatorUrl,
    names,
    committed: (id) =>
      eventually(
        async () => (await names()).includes(id) && (await metric('afterimage_fills_in_progress')) === 0,
        `image ${id} is committed`,
      ),
    flags: [...directory, store],
  }
}

async function died(program: StartedProgram): Promise<never> {
  const { code, stderr } = await program.ended().catch(() => ({ code: 'unknown', stderr: '' }))
  throw new Error(`the server ended with ${code}: ${stderr}`)
}
