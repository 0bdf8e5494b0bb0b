import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, open } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { drivers } from '../../support/proxy.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { build } from './build.ts'
import { openClock } from './clock.ts'
import { openWorld } from './world.ts'

const year = 31_536_000
const token = 'token-of-alice'
const id = imageId(1)

/** Each: what somebody waits for, while the clock jumps. */
const cases = drivers.flatMap(
  (driver) =>
    [
      { driver, what: 'yes', by: -year },
      { driver, what: 'yes', by: year },
      { driver, what: 'end', by: year },
      { driver, what: 'end', by: -year },
    ] as const,
)

// What is bounded in time is so by time that passes, whatever the clock says.
for (const { driver, what, by } of sample(cases, 3)) {
  const jumps = `the clock jumps a year ${by > 0 ? 'forwards' : 'backwards'}`
  if (what === 'yes') {
    test(`a yes is remembered; ${jumps}, ${driver}`, async (t) => {
      const { start, upstream } = await openWorld(t, build(), driver, 1)
      const clock = await openClock(t)
      const server = await start([], clock.env).ready()
      upstream.allow(id, token)
      const ask = () => get(`${server.url}/v2/images/${id}/file`, { headers: { 'x-auth-token': token } })
      const isHit = async () => (await ask()).headers['cache-status'] === 'afterimage; hit'
      await eventually(isHit, 'a hit that this token was allowed')
      clock.set(by)
      upstream.access.disallow(id, token)
      await eventually(async () => (await ask()).status === 404, 'who may not read any more is refused', 3000)
      saw({
        area: 'kill',
        fault: jumps,
        step: 'a yes is remembered, and the store says no by now',
        driver,
        client: '404, as soon as the yes is too old',
        disk: 'committed',
      })
    })
  } else {
    test(`a server ends while a client reads slowly; ${jumps}, ${driver}`, async (t) => {
      const { start, upstream, images } = await openWorld(t, build(), driver, 1)
      const clock = await openClock(t)
      // Backwards: it waits for a client that never goes on. Forwards: for one that needs a while.
      const grace = by > 0 ? 20 : 1
      const server = await start([`--graceful-shutdown-timeout=${grace}`], clock.env).ready()
      const size = images.now(id)?.size ?? 0
      const stall = upstream.nextFile(id, { stallAt: size >> 1 })
      const reading = await open(`${server.url}/v2/images/${id}/file`)
      await deadline(stall.reached, 'half of the image has come')
      await eventually(() => reading.received() > 0, 'the client has some of it')
      const ended = server.terminate(10_000, 'process')
      await eventually(() => server.log.includes('no new connections'), 'it is ending')
      clock.set(by)
      if (by > 0) stall.release()
      const got = await deadline(reading.rest, 'the client sees an end')
      assert.equal(got.complete, by > 0, 'within the grace time it gets the rest, else it is cut off')
      assert.equal(await ended, 0)
      saw({
        area: 'kill',
        fault: jumps,
        step: `a server that was told to end waits for a client, ${by > 0 ? 'within' : 'longer than'} the grace time`,
        driver,
        client: by > 0 ? 'the whole image' : 'cut off, by a reset',
        disk: 'left over, gone on with',
      })
    })
  }
}
