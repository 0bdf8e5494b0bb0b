import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { askControlSocket, listenOnControlSocket } from '../../src/http/control-socket.ts'
import type { App } from '../../src/http/listener.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'

const path = '/api/v1/hello'

const appThatSays =
  (word: string): App =>
  ({ method, url }, outgoing) =>
    void outgoing.end(method === 'POST' && url === path ? word : 'something else')

/** A cache directory; longer than any address of a Unix socket. */
async function directory(t: TestContext) {
  const dir = join(await tempDir(t), 'x'.repeat(200))
  await mkdir(join(dir, '.afterimage'), { recursive: true })
  return dir
}

async function listenAs(t: TestContext, word: string, dir: string) {
  const listener = await listenOnControlSocket(appThatSays(word), dir)
  if (listener !== undefined) cleanup(t, () => listener.close(0))
  return listener
}

async function ask(dir: string): Promise<string | undefined> {
  const answer = await deadline(askControlSocket(dir, { method: 'POST', path }), 'the server answers')
  return answer && text(answer)
}

describe('the control socket', () => {
  test('is found below the cache directory however long its path, by its owner only, and goes with its server', async (t) => {
    const dir = await directory(t)
    assert.equal(await ask(dir), undefined)
    const listener = await listenAs(t, 'one', dir)
    assert(listener !== undefined)
    const { mode } = await stat(join(dir, '.afterimage', 'control.sock'))
    assert.equal((mode & 0o777).toString(8), '600')
    assert.equal(await ask(dir), 'one')
    assert.deepEqual((await readdir(join(dir, '.afterimage'))).sort(), ['control.lock', 'control.sock'])
    await listener.close(1000)
    assert.deepEqual(await readdir(join(dir, '.afterimage')), ['control.lock'])
    assert.equal(await ask(dir), undefined)
  })

  test('a second server leaves the first one’s alone; when that has ended the next one has it', async (t) => {
    const dir = await directory(t)
    const first = await listenAs(t, 'one', dir)
    assert.equal(await listenAs(t, 'two', dir), undefined)
    assert.equal(await ask(dir), 'one')
    await first?.close(0)
    assert(await listenAs(t, 'three', dir))
    assert.equal(await ask(dir), 'three')
  })

  test('what a killed server has left answers nobody, and is replaced', async (t) => {
    const dir = await directory(t)
    const module = join(import.meta.dirname, '../../src/http/control-socket.ts')
    const program = `
            import { listenOnControlSocket } from ${JSON.stringify(module)}
      await listenOnControlSocket(() => {}, process.argv[1])
      process.stdout.write('up')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    cleanup(t, () => child.kill('SIGKILL'))
    const ended = once(child, 'exit')
    await deadline(once(child.stdout, 'data'), 'the other server is up')
    assert.equal(await listenAs(t, 'two', dir), undefined)
    child.kill('SIGKILL')
    await deadline(ended, 'the other server has been killed')
    assert((await stat(join(dir, '.afterimage', 'control.sock'))).isSocket())
    assert.equal(await ask(dir), undefined)
    assert(await listenAs(t, 'two', dir))
    assert.equal(await ask(dir), 'two')
  })
})
