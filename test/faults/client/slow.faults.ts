import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { cleanup } from '../../support/cleanup.ts'
import { get } from '../../support/client.ts'
import { deadline, eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { drivers } from '../../support/proxy.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { ask, startScene } from './scene.ts'

/** More than the kernel takes on both sides of a connection. */
const size = 12 << 20
const bytes = patternBytes(size)

/** A connection that may be half closed. Nothing is read until it is asked for. */
class Half {
  readonly socket: Socket
  /** Body bytes seen, and whether all of them were right. */
  received = 0
  isRight = true
  ended = false
  error: string | undefined
  readonly closed: Promise<void>
  #head: Buffer | undefined = Buffer.alloc(0)

  constructor(t: TestContext, port: number, request: string) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()))
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code
    })
    this.socket.on('end', () => {
      this.ended = true
      this.socket.end()
    })
    this.socket.write(request)
    cleanup(t, () => this.socket.destroy())
  }

  get status(): string {
    return this.#head?.toString('latin1', 9, 12) ?? this.#status
  }

  #status = ''

  read(onData?: () => void): this {
    this.socket.on('data', (piece: Buffer) => {
      this.#take(piece)
      onData?.()
    })
    return this
  }

  #take(piece: Buffer): void {
    let body = piece
    if (this.#head !== undefined) {
      this.#head = Buffer.concat([this.#head, piece])
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      body = this.#head.subarray(end + 4)
      this.#status = this.#head.toString('latin1', 9, 12)
      this.#head = undefined
    }
    const wanted = bytes.subarray(this.received, this.received + body.length)
    if (!wanted.equals(body)) this.isRight = false
    this.received += body.length
  }
}

for (const driver of sample(drivers, 1)) {
  test(`clients that are slow, or leave, ${driver}`, async (t) => {
    const scene = await startScene(t, { driver, size, flags: ['--origin-idle-timeout=2'] })
    const { upstream, proxy, port, id } = scene
    let lastId = 1
    const cases: (readonly [name: string, run: (t: TestContext) => Promise<void>])[] = []
    const told = (step: string, fault: string, client: string, disk = 'committed') =>
      saw({ area: 'client', step, fault, driver, client, disk })

    /** Downloads that have ended. */
    const downloads = async () => {
      const results = ['hit', 'miss', 'joined', 'pass'].map((result) =>
        proxy.metric(`afterimage_downloads_total{result="${result}"}`),
      )
      return (await Promise.all(results)).reduce((sum, each) => sum + each, 0)
    }
    const cached = () => ({ id, begin: async () => {}, goOn: () => {} })
    /** An image that arrives, and stops where it is told. */
    function arriving() {
      lastId += 1
      const next = imageId(lastId)
      upstream.addImage({ id: next, bytes })
      const stall = upstream.nextFile(next, { stallAt: size / 2 })
      return { id: next, begin: () => deadline(stall.reached, 'half of the image'), goOn: () => stall.release() }
    }

    for (const [step, make] of [
      ['a download from the cache', cached],
      ['a download while the image arrives', arriving],
    ] as const) {
      /** The image is there, whole and right, for whoever comes next. */
      const isIntact = async (of: string) => {
        await proxy.committed(of)
        const got = await get(proxy.image(of))
        assert(got.complete && got.body.equals(bytes))
        assert.equal(got.headers['cache-status'], 'afterimage; hit')
      }

      cases.push([
        `${step}: a slow reader`,
        async (t) => {
          const image = make()
          const client = new Half(t, port, ask(`GET ${scene.file(image.id)}`, 'Connection: close\r\n'))
          await image.begin()
          let pauses = 0
          client.read(() => {
            // Ever again it takes nothing for a while, though never for the idle time.
            if (pauses >= 30) return
            pauses += 1
            client.socket.pause()
            setTimeout(() => client.socket.resume(), 30)
          })
          image.goOn()
          await deadline(client.closed, 'the end', 30_000)
          assert(client.isRight && client.ended)
          assert.equal(client.received, size)
          await isIntact(image.id)
          told(step, 'a slow reader', 'the whole image')
        },
      ])

      cases.push([
        `${step}: it reads nothing`,
        async (t) => {
          const image = make()
          const before = await downloads()
          const client = new Half(t, port, ask(`GET ${scene.file(image.id)}`))
          client.socket.pause()
          await image.begin()
          image.goOn()
          await eventually(async () => (await downloads()) > before, 'it is given up', 20_000)
          await isIntact(image.id)
          client.read().socket.resume()
          await deadline(client.closed, 'the end of the connection')
          assert(client.isRight && client.received < size && !client.ended)
          told(step, 'a client that reads nothing', 'cut off, by a reset')
        },
      ])

      for (const [fault, at] of [
        ['FIN behind the request', 0],
        ['FIN in mid answer', 1],
      ] as const) {
        cases.push([
          `${step}: ${fault}`,
          async (t) => {
            const image = make()
            const client = new Half(t, port, ask(`GET ${scene.file(image.id)}`))
            if (at === 0) client.socket.end()
            else {
              let isPaused = false
              client.read(() => {
                if (client.received === 0 || isPaused) return
                isPaused = true
                client.socket.pause()
              })
              await eventually(() => client.received > 0, 'the beginning of the body')
              client.socket.end()
            }
            if (at === 1) await image.begin()
            client.socket.resume()
            await deadline(client.closed, 'the end of the connection')
            assert(client.isRight && client.received < size)
            assert(!client.ended, 'no end in order')
            image.goOn()
            if (at === 1 || step.includes('cache')) await isIntact(image.id)
            told(
              step,
              fault,
              'cut off, by a reset',
              at === 1 || step.includes('cache') ? 'committed' : 'whatever had come',
            )
          },
        ])
      }

      for (const [fault, least] of [
        ['it leaves before the answer', -1],
        ['it leaves after the head', 0],
        ['it leaves in mid body', size / 4],
        ['it leaves, seen by a reset', size / 4],
      ] as const) {
        cases.push([
          `${step}: ${fault}`,
          async (t) => {
            const image = make()
            // Another one stays, so that what arrives goes on in any case.
            const stays = get(proxy.image(image.id))
            await image.begin()
            const client = new Half(t, port, ask(`GET ${scene.file(image.id)}`))
            if (least >= 0) {
              client.read()
              await eventually(() => client.status === '200' && client.received >= least, 'so much of the body')
            }
            if (fault.includes('reset')) client.socket.resetAndDestroy()
            else client.socket.destroy()
            image.goOn()
            const got = await deadline(stays, 'the other one', 20_000)
            assert(got.complete && got.body.equals(bytes))
            await isIntact(image.id)
            told(step, `${fault}, another one stays`, 'left')
          },
        ])
      }
    }
    for (const [name, run] of sample(cases, 6)) await t.test(name, run)
  })
}
