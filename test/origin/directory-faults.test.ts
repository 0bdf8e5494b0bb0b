import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { appendFile, chmod, mkdtemp, readFile, rm, rmdir, truncate, utimes, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { openDirectory } from '../../src/origin/directory/directory.ts'
import { uuidOfFileName } from '../../src/origin/directory/image-uuid.ts'
import { OriginError } from '../../src/origin/origin.ts'
import { deadline, eventually } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'
import { answerTo, ask, nobody, openFilesIn, openStore, record } from './directory-store.ts'

const id = uuidOfFileName('a.img')
const isBroken = (error: unknown) => error instanceof OriginError && error.reason === 'broken'
const isAborted = (error: unknown) => error instanceof OriginError && error.reason === 'aborted'
/** Sidecars are read at any time. */
const openImagesIn = (dir: string) => openFilesIn(dir).filter((path) => !path.endsWith('.json'))
const notRoot = process.getuid?.() === 0 ? undefined : 'needs root'

/** A thread loads its program as whoever the process is by then: a private checkout is closed to others. */
function privateCheckout(): string | undefined {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o001) === 0) return `others may not enter ${dir}`
  }
  return undefined
}

test('a directory that is not there, or is none, is refused with its name', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'file'), '')
  for (const [path, why] of [
    [join(dir, 'nope'), /nope cannot be used: .*ENOENT/],
    [join(dir, 'file'), /file cannot be used: .*not a directory/],
    [join(dir, 'file', 'below'), /below cannot be used: .*ENOTDIR/],
  ] as const) {
    await assert.rejects(openDirectory({ path, seedDemo: false, onWarning: assert.fail }), (error) => {
      assert.ok(error instanceof OriginError)
      assert.equal(error.reason, 'unreachable')
      assert.match(error.message, why)
      return true
    })
  }
})

/** Runs as a user who owns nothing: root may read everything. */
async function asNobody<T>(run: () => Promise<T>): Promise<T> {
  process.seteuid?.(65534)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

test('a directory that may not be read is refused', { skip: notRoot }, async (t) => {
  const dir = await tempDir(t)
  await asNobody(() =>
    assert.rejects(openDirectory({ path: dir, seedDemo: false, onWarning: assert.fail }), /cannot be listed: .*EACCES/),
  )
})

test('a file that may not be read is complained of once; the others are served', {
  skip: notRoot ?? privateCheckout(),
}, async (t) => {
  const dir = await tempDir(t)
  await chmod(dir, 0o755)
  await writeFile(join(dir, 'a.img'), 'hello')
  await writeFile(join(dir, 'secret.img'), 'hello', { mode: 0o600 })
  await asNobody(async () => {
    await using store = await openStore(dir)
    assert.equal((await ask(store, `/v2/images/${id}/file`)).text, 'hello')
    assert.equal((await ask(store, `/v2/images/${uuidOfFileName('secret.img')}/file`)).status, 204)
    assert.equal((await record(store, uuidOfFileName('secret.img'))).status, 'queued')
    const ofSecret = store.warnings.filter((warning) => warning.startsWith('"secret.img"'))
    assert.equal(ofSecret.length, 1)
    assert.match(ofSecret[0] ?? '', /is not served: it cannot be read .*EACCES/)
  })
})

/** A file system of its own at `dir`, with one image, that nobody may write to any more; why it cannot be had, else. */
function readOnlyMount(dir: string): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'afterimage-test', dir], { stdio: 'pipe' })
    execFileSync('sh', ['-c', 'echo -n hello > a.img; echo -n world > b.img; mount -o remount,ro .'], { cwd: dir })
    return undefined
  } catch (error) {
    return `no file system can be mounted here: ${String(error)}`
  }
}

test('a read-only directory is served all the same, and said to be so once', { skip: notRoot }, async (t) => {
  const mounted = await mkdtemp(join(tmpdir(), 'afterimage-test-'))
  const cannot = readOnlyMount(mounted)
  t.after(async () => {
    if (cannot === undefined) execFileSync('umount', [mounted])
    await rmdir(mounted)
  })
  if (cannot !== undefined) return t.skip(cannot)
  await using store = await openStore(mounted)
  assert.equal((await ask(store, `/v2/images/${id}/file`)).text, 'hello')
  assert.equal((await ask(store, `/v2/images/${uuidOfFileName('b.img')}/file`)).text, 'world')
  assert.equal((await record(store, id)).checksum, '5d41402abc4b2a76b9719d911017c592')
  await eventually(() => store.warnings.length > 0, 'the warning')
  assert.equal(store.warnings.length, 1)
  assert.match(store.warnings[0] ?? '', /kept in memory only.*EROFS/)
})

test('a file that shrinks or changes while it is read never looks complete', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'a.img')
  const size = 3 << 20
  for (const change of [
    () => truncate(path, 2 << 20),
    () => truncate(path, (2 << 20) + 5),
    () => appendFile(path, 'x'),
    () => utimes(path, 1, 1),
  ]) {
    await rm(path, { force: true })
    await writeFile(path, Buffer.alloc(size, 'a'))
    await using store = await openStore(dir)
    await eventually(async () => (await record(store, id)).status === 'active', 'the image is active')
    const download = await store.origin.download(id, nobody)
    assert.ok(download.kind === 'download')
    let received = 0
    const delivered = download.deliver((chunk) => {
      received += chunk.length
      download.pause()
      if (received === chunk.length) changed.resolve()
      else download.resume()
    })
    const changed = Promise.withResolvers<void>()
    await deadline(changed.promise, 'the first chunk')
    await change()
    download.resume()
    await deadline(assert.rejects(delivered, isBroken), 'the end of the download')
    assert.ok(received < size)
    assert.deepEqual(openImagesIn(dir), [])
  }
})

test('an answer that breaks off ends with a reset', async (t) => {
  const dir = await tempDir(t)
  const path = join(dir, 'a.img')
  await writeFile(path, '')
  await truncate(path, 32 << 20)
  await using store = await openStore(dir)
  await eventually(async () => (await record(store, id)).status === 'active', 'the image is active')
  // A socket of its own: an HTTP client calls every early end a reset.
  const socket = connect(store.port, '127.0.0.1')
  socket.write(`GET /v2/images/${id}/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  await deadline(once(socket, 'readable'), 'the first bytes of the answer')
  await truncate(path, 16 << 20)
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
  })
  socket.once('end', () => assert.fail('an orderly end looks complete to an HTTP/1.0 client'))
  const failed = Promise.withResolvers<NodeJS.ErrnoException>()
  socket.once('error', failed.resolve)
  assert.equal((await deadline(failed.promise, 'the end of the answer')).code, 'ECONNRESET')
  assert.ok(received < 32 << 20)
  await eventually(() => store.relays.some((relay) => relay.bytes > 0 && !relay.complete), 'the end of the relay')
  assert.equal(store.relays.at(-1)?.status, 200)
  assert.match(store.warnings.at(-1) ?? '', /a\.img: Error: it ends at/)
})

test('a paused download delivers nothing and leaves its chunk alone', async (t) => {
  const dir = await tempDir(t)
  const data = randomBytes(5 << 20)
  await writeFile(join(dir, 'a.img'), data)
  await using store = await openStore(dir)
  const open = async () => {
    const download = await store.origin.download(id, nobody)
    assert.ok(download.kind === 'download')
    return download
  }
  const [paused, other] = [await open(), await open()]
  const received: Buffer[] = []
  let lent: Buffer = Buffer.alloc(0)
  paused.pause()
  const delivered = paused.deliver((chunk) => {
    paused.pause()
    received.push(Buffer.from(chunk))
    lent = chunk
  })
  // Long enough for the paused one to go on, if it would.
  await other.deliver(() => {})
  assert.equal(received.length, 0)
  const inAll = () => received.reduce((sum, chunk) => sum + chunk.length, 0)
  while (inAll() < data.length) {
    const before: number = received.length
    paused.resume()
    await eventually(() => received.length > before, 'the next chunk')
    const another = await open()
    await another.deliver(() => {})
    assert.equal(received.length, before + 1)
    assert.deepEqual(lent, received.at(-1))
  }
  await deadline(delivered, 'the end of the download')
  assert.deepEqual(Buffer.concat(received), data)
})

test('a client that leaves frees the file', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), '')
  await truncate(join(dir, 'a.img'), 32 << 20)
  await using store = await openStore(dir)
  await eventually(async () => (await record(store, id)).status === 'active', 'the image is active')
  const before = store.relays.length
  const outgoing = get({ host: '127.0.0.1', port: store.port, path: `/v2/images/${id}/file`, agent: false })
  const incoming = await answerTo(outgoing)
  await deadline(once(incoming, 'readable'), 'its first bytes')
  assert.deepEqual(openImagesIn(dir), [join(dir, 'a.img')])
  incoming.destroy()
  await eventually(() => store.relays.length > before, 'the end of the relay')
  const relay = store.relays.at(-1)
  assert.equal(relay?.status, 200)
  assert.equal(relay?.complete, false)
  assert.ok((relay?.bytes ?? 0) < 32 << 20)
  assert.deepEqual(openImagesIn(dir), [])
  assert.deepEqual(store.warnings, [])
})

test('a download can be given up before, during and after it', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), Buffer.alloc(3 << 20))
  await using store = await openStore(dir)
  const { origin } = store
  const open = async (signal?: AbortSignal) => {
    const download = await origin.download(id, nobody, undefined, signal)
    assert.ok(download.kind === 'download')
    return download
  }

  const unused = await open()
  unused.abort()
  unused.abort()
  await eventually(() => openImagesIn(dir).length === 0, 'the file is closed')
  await assert.rejects(
    unused.deliver(() => assert.fail('nothing may be delivered')),
    isAborted,
  )

  const paused = await open()
  const delivered = paused.deliver(() => paused.pause())
  paused.abort()
  await deadline(assert.rejects(delivered, isAborted), 'the end of the download')

  const ending = new AbortController()
  const signalled = await open(ending.signal)
  const ended = signalled.deliver(() => ending.abort())
  await deadline(assert.rejects(ended, isAborted), 'the end of the download')

  const whole = await open()
  let received = 0
  await whole.deliver((chunk) => {
    received += chunk.length
  })
  whole.abort()
  assert.equal(received, 3 << 20)

  await assert.rejects(open(AbortSignal.abort()), isAborted)
  await assert.rejects(origin.ask(id, nobody, AbortSignal.abort()), isAborted)
  await assert.rejects(origin.describe(id, nobody, AbortSignal.abort()), isAborted)
  assert.deepEqual(openImagesIn(dir), [])
})

test('closing the store leaves digests for the next start, and nothing half-written', async (t) => {
  const dir = await tempDir(t)
  await writeFile(join(dir, 'a.img'), '')
  await truncate(join(dir, 'a.img'), 512 << 20)
  await writeFile(join(dir, 'a.img.json'), '{"name": "mine"}')
  await using store = await openStore(dir, { digestWaitMs: 0 })
  const { origin, warnings } = store
  await deadline(Promise.resolve(origin[Symbol.asyncDispose]()), 'the store closes in the middle of a digest', 2000)
  assert.equal(await readFile(join(dir, 'a.img.json'), 'utf8'), '{"name": "mine"}')
  assert.deepEqual(warnings, [])
})
