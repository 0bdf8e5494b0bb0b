import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { errorCode } from '../cache/error-code.ts'
import { tryLockExclusive } from '../cache/lock.ts'
import { chmod, constants, type FileHandle, mkdir, open, rename, rm } from '../disk/disk.ts'
import { type App, type Listener, listenOnPath } from './listener.ts'

const socketName = 'control.sock'
const lockName = 'control.lock'

/**
 * Where other programs on this machine find the server of a cache directory: `.afterimage/control.sock`. Whoever may
 * open it may do with the cache what the files' rights let him do anyway. Undefined when another server has it.
 */
export async function listenOnControlSocket(app: App, cacheDir: string): Promise<Pick<Listener, 'close'> | undefined> {
  const dir = join(cacheDir, '.afterimage')
  await using opened = new AsyncDisposableStack()
  // The lock ends with its process however that ends, so what is there without it is left over from a killed one.
  const lock = opened.use(await open(join(dir, lockName), 'a', 0o600))
  if (!tryLockExclusive(lock.fd)) return undefined
  // Made where nobody else may look and moved when its rights are right: there is no moment at which others may open it.
  const place = join(dir, 'control.new')
  const socket = join(dir, socketName)
  await rm(place, { recursive: true, force: true })
  await mkdir(place, { mode: 0o700 })
  const made = opened.use(await openDirectory(place))
  const listener = await listenOnPath(app, join(pathOf(made), socketName))
  opened.defer(() => listener.close(0))
  await chmod(join(place, socketName), 0o600)
  await rename(join(place, socketName), socket)
  await rm(place, { recursive: true })
  const whole = opened.move()
  return {
    async close(graceMs) {
      // Nobody finds it any more while those who have are served to their end.
      // One that cannot be removed is what a killed server leaves too; it must not keep this one from ending.
      await rm(socket, { force: true }).catch(() => {})
      await listener.close(graceMs)
      await whole.disposeAsync()
    },
  }
}

/** What is asked of it; `headers` are all the fields, framing and Host too, and without them there is no body. */
export type ControlRequest = Readonly<{
  method: string
  path: string
  headers?: readonly string[]
  body?: Readable | undefined
}>

/**
 * Asks the server of a cache directory. Gives its answer, of which nothing has been read; undefined when no server
 * answers there. Rejects when it breaks off, and when the signal is aborted.
 */
export async function askControlSocket(
  cacheDir: string,
  { method, path, headers, body }: ControlRequest,
  signal?: AbortSignal,
): Promise<IncomingMessage | undefined> {
  try {
    await using dir = await openDirectory(join(cacheDir, '.afterimage'))
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const socketPath = join(pathOf(dir), socketName)
    const fields = { ...(headers && { headers }), ...(signal && { signal }) }
    const asking = request({ method, path, socketPath, agent: false, ...fields }, resolve).on('error', reject)
    if (body === undefined) asking.end()
    else body.on('error', reject).pipe(asking)
    return await promise
  } catch (error) {
    const code = errorCode(error)
    // No such socket, or one that a killed server has left.
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined
    throw error
  }
}

/** A Unix socket's address holds 107 bytes, and the path of a cache directory may be longer: this way in is short. */
const openDirectory = (path: string): Promise<FileHandle> => open(path, constants.O_RDONLY | constants.O_DIRECTORY)

const pathOf = (dir: FileHandle): string => `/proc/self/fd/${dir.fd}`
