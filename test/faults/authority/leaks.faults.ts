import './need-stack.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { runCommand } from '../../real/command.ts'
import { filePath } from '../../real/images.ts'
import { tokenOf } from '../../real/keystone.ts'
import { manageProgram } from '../../real/programs.ts'
import { stack } from '../../real/stack.ts'
import { get } from '../../support/client.ts'
import { deadline } from '../../support/deadline.ts'
import { drivers } from '../../support/proxy.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { imageChangesAt } from './glance.ts'
import { assertNothingKept } from './kept.ts'
import { openDirectory, type Person, tokenFor } from './keystone.ts'
import { startServer } from './server.ts'
import { noteSecret, secretIn } from './tokens.ts'

// A server with credentials of its own, to which all goes wrong that could make it speak of them.
const running = new AsyncDisposableStack()
const glance = imageChangesAt(stack.glanceUrl)
const projectName = `authority-${crypto.randomUUID()}`
const size = 1024 * 1024
let own: Person
let owner: string
let admin: string
before(async () => {
  const directory = running.use(await openDirectory())
  own = await directory.createPerson(await directory.createProject(projectName), 'admin')
  owner = await tokenFor(await directory.createPerson(await directory.createProject(), 'member'))
  admin = noteSecret(await tokenOf('admin'))
})
after(() => running.disposeAsync())

async function makeImage(): Promise<Readonly<{ id: string; bytes: Buffer }>> {
  const image = { id: crypto.randomUUID(), bytes: randomBytes(size) }
  await glance.create(owner, image.id, 'private')
  await glance.upload(owner, image.id, image.bytes)
  running.defer(() => glance.clear(admin, image.id))
  return image
}

/** As no client library would send it. Gives all that is answered until the server closes. */
async function askRawly(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  socket.end(request, 'latin1')
  let text = ''
  socket.setEncoding('latin1').on('data', (piece) => {
    text += piece
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await deadline(closed, 'the answer to a raw request', 30_000)
  return text
}

for (const driver of sample(drivers, 1)) {
  test(`whatever goes wrong, nothing is said of a credential, ${driver}`, async () => {
    await using server = await startServer(driver, { glanceUrl: stack.glanceUrl, ttl: 0, own: { ...own, projectName } })
    const { url, relay, committed } = server
    const by = (token: string) => ({ headers: { 'x-auth-token': token } })
    const answers: string[] = []
    const ask = async (path: string, token: string, method = 'GET') => {
      const got = await get(url + path, { method, ...by(token) })
      if (got.status >= 300) answers.push(JSON.stringify(got.headers) + got.body)
      return got
    }

    const image = await makeImage()
    // Broken off in the middle: gone on with, by the first caller's token or the cache's own.
    relay.cut(({ line, range }) => line.includes(image.id) && range === undefined, size / 2)
    assert((await ask(filePath(image.id), owner)).body.equals(image.bytes))
    await committed(image.id)
    const queued = await makeImage()
    assert.equal((await ask(`/v2/queued_images/${queued.id}`, admin, 'PUT')).status, 200)
    assert.equal((await ask('/api/v1/cache/prefetch', admin, 'POST')).status, 200)
    // The owner's image, and no client was there: it was fetched with the cache's own token.
    await committed(queued.id)

    const { mend } = relay.break()
    for (const path of [filePath(image.id), filePath(crypto.randomUUID()), '/v2/images']) {
      assert.equal((await ask(path, owner)).status, 502, path)
    }
    mend()

    const target = filePath(image.id)
    for (const lines of [
      [`GET ${target} HTTP/1.1`, 'Host: a b', `X-Auth-Token: ${owner}`],
      [`GET ${target} HTTP/1.1`, 'Host: a', `X-Auth-Token: ${owner}\x01`],
      [`GET ${target} HTTP/1.1`, 'Host: a', `X-Auth-Token: ${owner}\x80`, 'Connection: close'],
      [`GET ${target} HTTP/1.1`, 'Host: a', `X-Auth-Token : ${owner}`],
      [`GET ${target} HTTP/1.1`, 'Host: a', `X-Auth-Token: ${owner}`, `X-Auth-Token: ${admin}`, 'Connection: close'],
      [`GET ${target} HTTP/1.1`, 'Host: a', `X-Auth-Token: ${owner}${'x'.repeat(70_000)}`],
    ]) {
      answers.push(await askRawly(url, `${lines.join('\r\n')}\r\n\r\n`))
    }

    // The command line: refused, and its password and token are in what was given to it alone.
    const [host, port] = [new URL(url).hostname, new URL(url).port]
    for (const args of [
      ['--os-auth-token', owner],
      [
        '--os-username',
        own.name,
        '--os-password',
        own.password,
        '--os-project-name',
        'none',
        '--os-auth-url',
        stack.keystoneUrl,
      ],
    ]) {
      const all = [manageProgram, `--host=${host}`, `--port=${port}`, '--debug', ...args, 'list-cached']
      const { status, stdout, stderr } = await runCommand(process.execPath, all)
      assert.notEqual(status, 0)
      answers.push(stdout + stderr)
    }

    for (const answer of answers) assert.equal(secretIn(answer), undefined, answer.slice(0, 2000))
    const fault = 'tokens and passwords of all callers'
    saw({
      area: 'authority',
      fault,
      step: 'what it answers when something is wrong',
      driver,
      client: 'none of them',
      disk: 'none of them',
    })
    await assertNothingKept([server], admin)
  })
}
