import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Target } from '../peers/peer.ts'

export type SlowLoad = Readonly<{ readers: number; bytesPerSecond: number; seconds: number }>

export type SlowlyRead = Readonly<{ allBytes: number; slowestBytes: number }>

/**
 * Many clients that each take an image at their own low rate and leave in the middle. Rejects when one of them did not
 * get a 200 or was cut off, or all together got less than half of what they would take: idle readers prove nothing.
 */
export async function readSlowly(target: Target, load: SlowLoad): Promise<SlowlyRead> {
  const readers = Array.from({ length: load.readers }, () => openReader(target, load.bytesPerSecond))
  await sleep(load.seconds * 1000)
  for (const reader of readers) reader.socket.destroy()
  const fault = readers.find((reader) => reader.fault !== undefined)?.fault
  if (fault !== undefined) throw new Error(`a slow reader failed: ${fault}`)
  const allBytes = readers.reduce((sum, reader) => sum + reader.bytes, 0)
  const wanted = load.readers * load.bytesPerSecond * load.seconds
  if (allBytes < wanted / 2) throw new Error(`the slow readers got ${allBytes} bytes, less than half of ${wanted}`)
  return { allBytes, slowestBytes: Math.min(...readers.map((reader) => reader.bytes)) }
}

type Reader = { socket: Socket; bytes: number; fault: string | undefined }

function openReader(target: Target, bytesPerSecond: number): Reader {
  const started = performance.now()
  const buffer = Buffer.alloc(64 * 1024)
  const onread = {
    buffer,
    callback(count: number): boolean {
      if (reader.bytes === 0 && !buffer.subarray(0, count).toString('latin1').startsWith('HTTP/1.1 200 ')) {
        reader.fault = buffer.subarray(0, Math.min(count, 80)).toString('latin1')
      }
      reader.bytes += count
      const aheadMs = (reader.bytes / bytesPerSecond) * 1000 - (performance.now() - started)
      if (aheadMs > 0) setTimeout(() => socket.resume(), aheadMs)
      // False pauses the socket: the kernel's buffer fills up, and the server feels it.
      return aheadMs <= 0
    },
  }
  const socket = connect({ host: '127.0.0.1', port: target.port, onread })
  const reader: Reader = { socket, bytes: 0, fault: undefined }
  socket.write(`GET ${target.path} HTTP/1.1\r\nHost: 127.0.0.1:${target.port}\r\n${target.header}\r\n\r\n`)
  socket.on('error', (error) => {
    reader.fault ??= error.message
  })
  socket.on('end', () => {
    reader.fault ??= `the server ended the connection after ${reader.bytes} bytes`
  })
  return reader
}
