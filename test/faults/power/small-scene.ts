import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { get, open } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import type { DriverName } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import { type Content, pattern } from '../../support/upstream-bytes.ts'
import { type Recorded, Tape } from './tape.ts'
import type { TracedServer } from './traced-server.ts'

/** Room for what is asked for up to the third image, but not for that: the first one goes then. */
const flags = ['--cache-limit=hard', '--image-cache-max-size=600000']
const [first, second, third, wrong, half] = [1, 2, 3, 4, 5].map(imageId) as [string, string, string, string, string]

/** Everything that a server does with small images, in two lives of it. */
export async function recordSmall(t: TestContext, driver: DriverName): Promise<Recorded> {
  const upstream = await startUpstream(t)
  const tape = await Tape.begin(t, upstream, driver, flags)
  let server: TracedServer
  const said = (words: RegExp) => eventually(() => words.test(server.log()), `${words} is logged`, 20_000)
  const filled = async (words: string, id: string, content: Content) => {
    upstream.addImage({ id, bytes: content })
    const told = server.log().length
    tape.phase(words, id, [[id, content]])
    const got = await deadline(get(server.image(id)), `${words} ends`)
    assert(got.complete && got.status === 200, words)
    const line = new RegExp(`"image":"${id}","outcome":"committed"`)
    await eventually(() => line.test(server.log().slice(told)), `${words} is told`, 20_000)
    await tape.keep(id)
  }

  tape.phase('start on nothing')
  server = await tape.start()
  await filled('fill', first, pattern(200_123, 1))
  tape.phase('hit')
  assert((await deadline(get(server.image(first)), 'the hit')).complete)
  await filled('fill', second, pattern(110_001, 2))
  upstream.addImage({ id: third, bytes: pattern(300_000, 3) })
  tape.phase('eviction', first, [[third, pattern(300_000, 3)]])
  assert((await deadline(get(server.image(third)), 'a fill that evicts')).complete)
  await said(new RegExp(`"image":"${first}","cause":"space"`))
  await said(new RegExp(`"image":"${third}","outcome":"committed"`))
  await tape.keep(third)

  upstream.addImage({ id: wrong, bytes: pattern(80_000, 4) })
  upstream.nextFile(wrong, { corruptAt: 70_000 })
  tape.phase('wrong bytes', wrong, [[wrong, pattern(80_000, 4)]])
  assert(!(await deadline(get(server.image(wrong)), 'wrong bytes are cut off')).complete)
  await said(/"outcome":"wrong"/)
  await tape.keep(join('invalid', wrong))
  await filled('fill', wrong, pattern(80_000, 4))

  tape.phase('deletion', third, [[third, undefined]])
  assert.equal((await get(`${server.url}/v2/images/${third}`, { method: 'DELETE' })).status, 204)
  await said(/"cause":"deleted"/)
  await filled('fill', third, pattern(300_000, 5))

  upstream.addImage({ id: half, bytes: pattern(100_000, 6) })
  const stall = upstream.nextFile(half, { stallAt: 80_000 })
  tape.phase('half of a download', half, [[half, pattern(100_000, 6)]])
  const client = await open(server.image(half))
  await stall.reached
  const incomplete = join(tape.dir, 'incomplete', half)
  await eventually(async () => (await stat(incomplete)).size >= 80_000, 'what has come is written')
  await tape.keep(join('incomplete', half))
  client.leave()
  await client.rest
  tape.phase('end')
  await server.end()

  tape.phase('start on what is there')
  server = await tape.start()
  await filled('resumed fill', half, pattern(100_000, 6))
  tape.phase('end')
  await server.end()
  return tape.recorded()
}
