import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cleanup } from './cleanup.ts'
import { deadline } from './deadline.ts'
import type { Case } from './driver-conformance.ts'
import { commitImage } from './driver-scene.ts'

/** Other processes on the same directory, and one that dies in the middle. */
export function processCases(it: Case): void {
  it('no hit of three processes is lost', async (scene, { name }, t) => {
    await commitImage(scene, 'image')
    const children = ['one', 'two'].map(() => child(t, [name, scene.dir, 'touch', '200']))
    const ended = Promise.all(children.map((each) => once(each, 'exit')))
    await deadline(Promise.all(children.map((each) => once(each, 'message'))), 'children are ready')
    for (const each of children) each.send('go')
    await Promise.all(Array.from({ length: 200 }, () => scene.driver.touch('image', Date.now())))
    const exits = await deadline(ended, 'children have touched')
    assert.deepEqual(exits.flat(), [0, null, 0, null])
    assert.equal((await scene.driver.get('image'))?.hits, 600)
  })

  it('a killed process loses nothing that the driver had confirmed', async (scene, { name, open }, t) => {
    await scene.driver[Symbol.asyncDispose]()
    const confirmed = await confirmedUntilKilled(child(t, [name, scene.dir, 'churn']), 120)

    await using driver = await open(scene.dir)
    const after = (word: string) => confirmed.filter((text) => text.startsWith(word)).map((text) => text.split(' ')[1])
    const ids = after('admitted')
    assert.ok(ids.length >= 30, `${ids.length} admitted`)
    for (const id of ids) assert.equal((await driver.get(id ?? ''))?.facts?.size, 1000, id)
    for (const id of after('pinned')) assert.equal((await driver.get(id ?? ''))?.pinned, true, id)
    const hits = (await driver.get('image-0'))?.hits ?? 0
    assert.ok(hits > after('touched').length, `${hits} hits`)
    // And it goes on as if nothing had happened.
    const entry = await commitImage({ driver, dir: scene.dir }, 'next')
    assert.deepEqual(await driver.get('next'), entry)
  })
}

/** A process of driver-child.ts, that does not outlive its test. */
function child(t: TestContext, args: readonly string[]): ChildProcess {
  const process = fork(fileURLToPath(new URL('./driver-child.ts', import.meta.url)), args)
  cleanup(t, () => process.kill('SIGKILL'))
  return process
}

/** The messages of a child that is killed, wherever it is then, after so many of them. */
async function confirmedUntilKilled(process: ChildProcess, count: number): Promise<string[]> {
  const messages: string[] = []
  process.on('message', (message) => {
    messages.push(String(message))
    if (messages.length === count) process.kill('SIGKILL')
  })
  const [, signal] = await deadline(once(process, 'exit'), 'child is killed')
  assert.equal(signal, 'SIGKILL')
  return messages
}
