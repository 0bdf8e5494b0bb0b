import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { open } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import type { DriverName } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import type { Content } from '../../support/upstream-bytes.ts'
import { type Recorded, Tape } from './tape.ts'
import type { TracedServer } from './traced-server.ts'

const mib = 1 << 20
const id = imageId(9)
const stallAt = 70 * mib
const pieceBytes = 65_536
const zeros = Buffer.alloc(mib)
const pieces = new Map<number, Buffer>()

/**
 * 72 MiB, of which each begins with 64 KiB that are not zero, and not the same as any other's: a fill is synced every
 * 64 MiB of its length, however little of it is written.
 */
export const largeImage: Content = {
  size: 72 * mib + 12_345,
  slice(offset, max) {
    const start = offset - (offset % mib)
    const within = offset - start
    const most = Math.min(max, largeImage.size - offset)
    if (within >= pieceBytes) return zeros.subarray(within, Math.min(mib, within + most))
    const piece = pieces.get(start) ?? Buffer.alloc(pieceBytes, `piece at ${start} `)
    pieces.set(start, piece)
    return piece.subarray(within, within + most)
  },
}

/** A fill of an image so large that it is synced behind its writer, ended half way, and gone on with. */
export async function recordLarge(t: TestContext, driver: DriverName): Promise<Recorded> {
  const upstream = await startUpstream(t)
  upstream.addImage({ id, bytes: largeImage, hashAlgo: 'sha256' })
  const tape = await Tape.begin(t, upstream, driver)
  /** Only to begin it: what is sent to a client would be recorded, too. */
  const begun = async (server: TracedServer) => {
    const client = await open(server.image(id))
    client.leave()
    await client.rest
  }

  tape.phase('start on nothing', undefined, [[id, largeImage]])
  let server = await tape.start()
  tape.phase('large fill, half', id)
  const stall = upstream.nextFile(id, { stallAt })
  await begun(server)
  await deadline(stall.reached, 'the store stalls', 30_000)
  const record = join(tape.dir, '.afterimage/fills', id)
  const progress = async () => (await readFile(record, 'latin1')).split(' ').slice(0, 2).map(Number)
  await eventually(async () => (await progress())[0] === stallAt, 'what has come is written', 30_000)
  await eventually(async () => Number((await progress())[1]) >= 64 * mib, 'a part of it is synced', 30_000)
  await tape.keep(join('incomplete', id))
  tape.phase('end')
  await server.end()

  tape.phase('start on what is there')
  server = await tape.start()
  tape.phase('large resumed fill', id)
  await begun(server)
  await eventually(() => server.log().includes('"outcome":"committed"'), 'the rest is committed', 60_000)
  assert.equal(upstream.downloads(id).at(-1)?.header('range'), `bytes=${stallAt}-`)
  tape.phase('end')
  await server.end()
  return tape.recorded()
}
