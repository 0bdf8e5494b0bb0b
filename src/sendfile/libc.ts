/**
 * System calls of Linux that Node has no function for. Each returns what the call returns, negative with errno set.
 * Importing this fails where there is no such C library.
 */
import koffi from 'koffi'

const libc = koffi.load(null)

/** Moves at most `count` bytes from `input` at `offset` into a socket, without a copy. Advances `offset` (64 bits). */
export const sendfile: (output: number, input: number, offset: Uint32Array, count: number) => number = libc.func(
  'int64_t sendfile(int out_fd, int in_fd, void *offset, size_t count)',
)

const send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number = libc.func(
  'int64_t send(int sockfd, const void *buf, size_t len, int flags)',
)
const moreToCome = 0x8000 | 0x4000 | 0x40 // MSG_MORE | MSG_NOSIGNAL | MSG_DONTWAIT

/** Gives bytes to a socket that others follow: they are sent together. */
export const sendAhead = (socket: number, bytes: Uint8Array): number => send(socket, bytes, bytes.length, moreToCome)

const lseek: (fd: number, offset: number, whence: number) => number = libc.func(
  'int64_t lseek(int fd, int64_t offset, int whence)',
)
/** Where the next data, or the next hole, begins at or after `offset`; negative (ENXIO) when there is no more data. */
export const seekData = (fd: number, offset: number): number => lseek(fd, offset, 3)
export const seekHole = (fd: number, offset: number): number => lseek(fd, offset, 4)
export const sizeOf = (fd: number): number => lseek(fd, 0, 2)

const memfdCreate: (name: string, flags: number) => number = libc.func(
  'int memfd_create(const char *name, unsigned int flags)',
)
const memfdCloseOnExec = 1

/** A file that lies in memory only. */
export const createMemoryFile = (name: string): number => memfdCreate(name, memfdCloseOnExec)

const fcntl = libc.func('int fcntl(int fd, int command, ...)')
/** Linux: the lowest free number that is at least the argument, closed when a program is executed. */
const duplicateCloseOnExec = 1030

/** Another descriptor for the same socket: its number stays ours whoever closes the first one. */
export const duplicate = (fd: number): number => fcntl(fd, duplicateCloseOnExec, 'int', 3)

const eventfd: (initial: number, flags: number) => number = libc.func('int eventfd(unsigned int initial, int flags)')
const eventfdFlags = 0o2004000 // EFD_CLOEXEC | EFD_NONBLOCK

/** A counter that wakes who waits for it: readable while it is not 0, and a read of 8 bytes empties it. */
export const createEvent = (): number => eventfd(0, eventfdFlags)

/** Of what was made here: Node knows nothing of it, and warns when it is to close it. */
export const close: (fd: number) => number = libc.func('int close(int fd)')

const epollCreate: (flags: number) => number = libc.func('int epoll_create1(int flags)')
const epollCtl: (epoll: number, operation: number, fd: number, event: Uint8Array) => number = libc.func(
  'int epoll_ctl(int epfd, int op, int fd, void *event)',
)
const epollWait: (epoll: number, events: Uint8Array, most: number, timeoutMs: number) => number = libc.func(
  'int epoll_wait(int epfd, void *events, int maxevents, int timeout)',
)
const epollCloseOnExec = 0o2000000
/** struct epoll_event is packed on x86-64 only. */
const [eventBytes, dataAt] = process.arch === 'x64' ? [12, 4] : [16, 8]

/** Waits for many descriptors at once; each is known by a number of the caller's. */
export class Epoll {
  readonly #fd = epollCreate(epollCloseOnExec)
  readonly #event = new DataView(new ArrayBuffer(eventBytes))
  readonly #events: DataView
  readonly #most: number

  constructor(most: number) {
    this.#most = most
    this.#events = new DataView(new ArrayBuffer(eventBytes * most))
  }

  /** Gives whether it could be added. */
  add(fd: number, what: 'readable' | 'writable', number: number): boolean {
    this.#event.setUint32(0, what === 'readable' ? 0x1 : 0x4, true)
    this.#event.setUint32(dataAt, number, true)
    return epollCtl(this.#fd, 1, fd, bytesOf(this.#event)) === 0
  }

  remove(fd: number): void {
    epollCtl(this.#fd, 2, fd, bytesOf(this.#event))
  }

  close(): void {
    close(this.#fd)
  }

  /** The numbers of those that are ready, or have failed: their next use says so. Blocks the thread. */
  wait(timeoutMs: number): number[] {
    const count = epollWait(this.#fd, bytesOf(this.#events), this.#most, timeoutMs)
    return Array.from({ length: Math.max(count, 0) }, (_, index) =>
      this.#events.getUint32(index * eventBytes + dataAt, true),
    )
  }
}

const bytesOf = (view: DataView): Uint8Array => new Uint8Array(view.buffer)

/** Of the last call that failed in this thread; positive. */
export const errno = (): number => koffi.errno()
