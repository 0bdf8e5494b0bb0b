import { readSync } from 'node:fs'
import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { closeZeros, Extents } from './extents.ts'
import { Epoll, errno, sendfile } from './libc.ts'
import { type Done, monotonicMs, type Order, type Stretch, type ThreadData } from './shared.ts'

// One sending thread: waits for room in any of its sockets, and moves bytes from their files into them. A file that is
// not in memory makes it wait for the disk, and nobody else but its other clients.

/** At most this much for one client before it is the next one's turn (bytes). */
const turnBytes = 1 << 20
/** The thread can be ended from outside only between two waits (ms). */
const waitMs = 1000
const [again, interrupted] = [11, 4] // EAGAIN, EINTR

type Job = { readonly socket: number; readonly extents: Extents; position: number; readonly end: number }

const { port, event, progress }: ThreadData = workerData
const jobs = new Map<number, Job>()
const epoll = new Epoll(64)
const wakeUp = 0xffffffff
const counter = new Uint8Array(8)
const offset = new Uint32Array(2)
let isEnding = false

epoll.add(event, 'readable', wakeUp)
while (!isEnding) {
  for (const slot of epoll.wait(waitMs)) {
    if (slot === wakeUp) takeOrders()
    else sendSome(slot)
  }
}
port.close()
epoll.close()
closeZeros()

function takeOrders(): void {
  readSync(event, counter)
  for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
    const order: Order = next.message
    if (order.kind === 'send') begin(order.slot, order.socket, order)
    else if (order.kind === 'cancel') finish(order.slot, 0)
    else isEnding = true
  }
}

function begin(slot: number, socket: number, stretch: Stretch): void {
  const { position, end } = stretch
  jobs.set(slot, { socket, extents: new Extents(stretch), position, end })
  if (!epoll.add(socket, 'writable', slot)) finish(slot, errno())
}

function sendSome(slot: number): void {
  const job = jobs.get(slot)
  // Cancelled by an order that came in the same wait.
  if (job === undefined) return
  const { fd, at, length } = job.extents.at(job.position)
  offset[0] = at % 2 ** 32
  offset[1] = Math.floor(at / 2 ** 32)
  const sent = sendfile(job.socket, fd, offset, Math.min(turnBytes, length))
  if (sent < 0) {
    const code = errno()
    if (code !== again && code !== interrupted) finish(slot, code)
    return
  }
  job.position += sent
  progress[slot * 2] = job.position
  progress[slot * 2 + 1] = monotonicMs()
  if (sent === 0) finish(slot, -1)
  else if (job.position === job.end) finish(slot, 0)
}

function finish(slot: number, code: number): void {
  const job = jobs.get(slot)
  if (job === undefined) return
  jobs.delete(slot)
  epoll.remove(job.socket)
  const done: Done = { slot, position: job.position, errno: code }
  port.postMessage(done)
}
