import { equal, match, notEqual, ok } from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { ask, mustAsk, textAt } from '../real/ask.ts'
import { eventually, within } from '../real/eventually.ts'
import { freePort } from '../real/proxy.ts'
import { buildah, buildImage, configOf, type ImageConfig, startIn } from './buildah.ts'
import { findProcesses } from './find-processes.ts'

const image = 'afterimage-test'

let config: ImageConfig
let container: string
let running: ChildProcess
let url: string
let env: Record<string, string>

before(async () => {
  await buildImage(image)
  config = await configOf(image)
  container = await buildah('from', '--pull-never', image)
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  env = { OS_DEFAULT__BIND_PORT: String(port), OS_MANAGEMENT__BIND_PORT: String(await freePort()) }
  running = startIn(container, config.Cmd, env)
  await eventually('an answer from the container', 30, async () => {
    if (running.exitCode !== null) throw new Error(`the container ended with ${running.exitCode}`)
    return (await ask(`${url}/healthcheck`).catch(() => undefined))?.status === 200
  })
})
after(async () => {
  for (const { pid } of await program()) process.kill(pid, 'SIGKILL')
  running?.kill()
  if (container !== undefined) await buildah('rm', container)
  if (config !== undefined) await buildah('rmi', image)
})

async function program() {
  const name = config?.Cmd.at(-1)
  return name === undefined ? [] : findProcesses(name, `OS_DEFAULT__BIND_PORT=${env.OS_DEFAULT__BIND_PORT}`)
}

test('the program in the image does not run as root', async () => {
  const [found] = await program()
  ok(found, 'the process')
  notEqual(found.uid, 0)
  equal(config.User, 'node')
})

test('it serves its demo image, the second time from the cache', async () => {
  const id = textAt(await mustAsk(`${url}/v2/images`), 'images', '0', 'id')
  const first = await mustAsk(`${url}/v2/images/${id}/file`)
  match(String(first.headers['cache-status']), /fwd=miss/)
  const second = await eventually('the hit', 10, async () => {
    const answer = await mustAsk(`${url}/v2/images/${id}/file`)
    return String(answer.headers['cache-status']).includes('hit') && answer
  })
  ok(first.body.length > 0 && first.body.equals(second.body))
})

test('its health check says that it is well', async () => {
  const [how, ...command] = config.Healthcheck.Test
  equal(how, 'CMD')
  const check = startIn(container, command, env)
  const [code] = await within('the health check', 30, once(check, 'exit'))
  equal(code, 0)
})

test('it ends when it is told to', async () => {
  const exit = once(running, 'exit')
  for (const { pid } of await program()) process.kill(pid, 'SIGTERM')
  const [code] = await within('the end of the container', 30, exit)
  equal(code, 0)
})
