import type { Disk, FileHandle } from '../../../../src/disk/disk.ts'
import { die, doAsync, doSync, fateOf, systemError } from './plan.ts'
import { placeOf, placeOfDescriptor, say } from './words.ts'

/** The operations of the system, each of which breaks when it is the one that is meant. */
export function brokenDisk(system: Readonly<Disk>): Disk {
  const disk: Disk = { ...system }

  const byPath = ['chmod', 'lstat', 'mkdir', 'opendir', 'readdir', 'readFile', 'rm', 'stat', 'statfs'] as const
  for (const name of [...byPath, 'unlink', 'utimes', 'writeFile'] as const) {
    put(name, (...args) => doAsync(say(name, placeOf(args[0])), () => call(system[name], args)))
  }
  put('rename', (...args) => {
    const [from, to] = args.map(placeOf)
    const words = from === undefined ? undefined : `rename ${from} to ${to}`
    return doAsync(words, () => call(system.rename, args))
  })
  put('open', async (...args) => {
    const handle = await doAsync(say('open', placeOf(args[0])), () => call<FileHandle>(system.open, args))
    return placeOf(args[0]) === undefined ? handle : brokenHandle(handle)
  })

  for (const name of ['openSync', 'statSync', 'readFileSync', 'readlinkSync', 'watch'] as const) {
    put(name, (...args) => doSync(say(name.replace('Sync', ''), placeOf(args[0])), () => callSync(system[name], args)))
  }
  for (const [name, what] of [
    ['fstatSync', 'stat'],
    ['readSync', 'hash'],
    ['tryLock', 'lock'],
    ['tryDowngradeLock', 'share the lock of'],
    ['unlock', 'unlock'],
  ] as const) {
    put(name, (...args) => doSync(ofDescriptor(what, args[0]), () => callSync(system[name], args)))
  }
  put('ftruncate', (...args) => doAsync(ofDescriptor('truncate', args[0]), () => call(system.ftruncate, args)))
  put('write', (fd, bytes, offset, length, position) => {
    const write = (most: unknown) => call(system.write, [fd, bytes, offset, most, position])
    return doAsync(
      ofDescriptor('write', fd),
      () => write(length),
      () => write(half(Number(length))),
    )
  })
  put('closeSync', (fd) => doClose(ofDescriptor('close', fd), () => callSync(system.closeSync, [fd])))
  put('read', (fd, buffer, offset, length, position, callback) => {
    const words = ofDescriptor('read', fd)
    const fate = words === undefined ? undefined : fateOf(words)
    if (fate === 'kill -9 before it' || fate === 'kill -9 after it') die()
    if (fate === undefined) return callSync(system.read, [fd, buffer, offset, length, position, callback])
    if (typeof callback === 'function') setImmediate(() => callback(systemError(fate, String(words)), 0))
    return undefined
  })
  return disk

  /** Overloads are lost on the way: each does what the one of this name does, with whatever it was given. */
  function put(name: keyof Disk, work: (...args: unknown[]) => unknown): void {
    Object.assign(disk, { [name]: work })
  }
}

function brokenHandle(handle: FileHandle): FileHandle {
  const ofThis = (what: string) => ofDescriptor(what, handle.fd)
  for (const name of ['stat', 'sync', 'datasync', 'truncate', 'utimes', 'chmod', 'read'] as const) {
    const real = handle[name].bind(handle)
    Object.assign(handle, { [name]: (...args: unknown[]) => doAsync(ofThis(name), () => call(real, args)) })
  }
  const write = handle.write.bind(handle)
  Object.assign(handle, {
    write: (bytes: string, position?: number) =>
      doAsync(
        ofThis('write'),
        () => write(bytes, position),
        () => write(bytes.slice(0, half(bytes.length)), position),
      ),
  })
  const close = handle.close.bind(handle)
  Object.assign(handle, { close: () => doClose(handle.fd < 0 ? undefined : ofThis('close'), close) })
  return handle
}

/** Whatever the system says of a close, the descriptor has gone. */
function doClose<T>(words: string | undefined, close: () => T): T {
  const fate = words === undefined ? undefined : fateOf(words)
  if (fate === 'kill -9 before it' || fate === 'kill -9 after it') die()
  const closing = close()
  if (fate === undefined) return closing
  const error = systemError(fate, String(words))
  if (!(closing instanceof Promise)) throw error
  return closing.then(() => Promise.reject(error)) as T
}

const ofDescriptor = (what: string, fd: unknown): string | undefined => say(what, placeOfDescriptor(Number(fd)))

const half = (length: number): number => Math.max(1, length >> 1)

// The arguments came in through the very function that they are given to: only their types are lost on the way.
function call<T>(work: unknown, args: readonly unknown[]): Promise<T> {
  return (work as (...args: readonly unknown[]) => Promise<T>)(...args)
}
function callSync<T>(work: unknown, args: readonly unknown[]): T {
  return (work as (...args: readonly unknown[]) => T)(...args)
}
