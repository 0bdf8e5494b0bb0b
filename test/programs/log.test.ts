import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { cleanup } from '../support/cleanup.ts'
import { get } from '../support/client.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { startProgram } from '../support/start-program.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const id = imageId(1)

/** The server in a process of its own, before a store that has one small image. */
async function scene(t: TestContext, env: Readonly<Record<string, string>> = {}, ...flags: readonly string[]) {
  const upstream = await startUpstream(t)
  upstream.addImage({ id, bytes: patternBytes(1000) })
  const program = startProgram(
    t,
    'api.ts',
    [
      '--bind-port=0',
      '--management-bind-port=0',
      `--image-cache-dir=${await tempDir(t)}`,
      '--cache-min-free-space=0',
      `--origin-url=${upstream.url}`,
      ...flags,
    ],
    env,
  )
  await program.said('afterimage is ready')
  const url = /"listening":"([^"]+)"/.exec(program.stdout())?.[1]
  assert(url !== undefined, 'it says where it listens')
  return { program, upstream, url }
}

/** Has a real server die of an error that nobody caught. */
const dying = `--import=data:text/javascript,process.on('SIGUSR2',()=>{throw(new(Error)('made-up'))})`

describe('the log of a server under load', () => {
  for (const [how, signal, code, env] of [
    ['ends in order', 'SIGTERM', 0, {}],
    ['is ended by a signal that it does not take', 'SIGHUP', 'SIGHUP', {}],
    ['dies of an error that nobody caught', 'SIGUSR2', 1, { NODE_OPTIONS: dying }],
  ] as const) {
    test(`has a line for each download when it ${how}`, async (t) => {
      const { program, url } = await scene(t, env)
      const agent = new Agent({ keepAlive: true, maxSockets: 4 })
      cleanup(t, () => agent.destroy())
      const download = async () => {
        const got = await get(`${url}/v2/images/${id}/file`, { agent, headers: { 'X-Auth-Token': 'me' } })
        assert(got.status === 200 && got.complete)
      }
      await download()
      await program.said('"result":"miss"')
      await deadline(Promise.all(Array.from({ length: 100 }, download)), 'the downloads end')
      program.kill(signal)
      const ended = await program.ended()
      assert.equal(ended.code, code, ended.stderr)
      const lines = ended.stdout
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { msg: string })
      assert.equal(lines.filter(({ msg }) => msg === 'download').length, 101)
    })
  }
})

test('no credential of a request gets into the log, whatever becomes of the request', async (t) => {
  const { program, upstream, url } = await scene(t, {}, '--log-level=trace', '--management-auth=none')
  const secret = 'gAAAAA-not-for-the-log'
  const headers = {
    'X-Auth-Token': `${secret}-1`,
    'X-Service-Token': `${secret}-2`,
    Authorization: `Basic ${secret}-3`,
    Cookie: `session=${secret}-4`,
  }
  const image = `/v2/images/${id}/file`
  const asked: Readonly<Record<string, Parameters<typeof get>[1]>> = {
    [image]: {},
    [`/v2/images/${imageId(2)}/file`]: {},
    [`/v2/images/${id}`]: { method: 'PATCH', body: Buffer.from('[]') },
    '/v2/images': {},
    '/v2/cache': {},
    [`/v2/cache/${id}`]: { method: 'PUT' },
    [`/v2/cached_images/${imageId(3)}`]: { method: 'DELETE' },
    '/v2/images/not-an-id/file': {},
  }
  const askAll = async () => {
    for (const only of [headers, { 'X-Auth-Token': headers['X-Auth-Token'] }])
      for (const [path, ask] of Object.entries(asked)) await get(`${url}${path}`, { ...ask, headers: only })
    await get(`${url}${image}`, { headers: { ...headers, Range: 'bytes=0-9' } })
  }
  await deadline(askAll(), 'all is answered')
  upstream.everyFile('*', { resetAt: 0, question: true })
  await deadline(askAll(), 'all is answered while the store breaks off')
  program.kill('SIGTERM')
  const { stdout, stderr } = await program.ended()
  for (const result of ['hit', 'miss', 'pass'])
    assert(stdout.includes(`"result":"${result}"`), `a ${result} was logged`)
  assert(stdout.includes('"level":"error"'), 'failures were logged')
  assert(!(stdout + stderr).includes(secret))
})
