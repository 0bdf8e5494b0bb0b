import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { ContentFacts } from './content-facts.ts'
import { guessDiskFormat, sniffedBytes } from './disk-format.ts'
import { type FileStamp, sameStamp, stampOf } from './file-stamp.ts'
import { isAbsent, systemCode } from './system-code.ts'

/** One file to read; `fileName` is the name the image has in the directory, which a link's target may not. */
export type DigestOrder = Readonly<{ path: string; fileName: string; stamp: FileStamp }>

export type DigestReport =
  | Readonly<{ kind: 'facts'; facts: ContentFacts }>
  /** The file is not, or did not stay, what the order says. */
  | Readonly<{ kind: 'changed' }>
  | Readonly<{ kind: 'failed'; message: string; code: string | undefined }>

const port = parentPort
if (port === null) throw new Error('digest-worker.ts runs only as a worker thread')

const buffer = Buffer.allocUnsafeSlow(1 << 20)

port.on('message', (order: DigestOrder) => port.postMessage(answer(order)))

function answer(order: DigestOrder): DigestReport {
  try {
    const facts = readThrough(order)
    return facts === undefined ? { kind: 'changed' } : { kind: 'facts', facts }
  } catch (error) {
    // A file that has gone is one that changed: the next listing knows.
    if (isAbsent(error)) return { kind: 'changed' }
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error), code: systemCode(error) }
  }
}

/** Reads the file once, from end to end; undefined when it was not the same before and after. */
function readThrough({ path, fileName, stamp }: DigestOrder): ContentFacts | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    if (!sameStamp(stampOf(fstatSync(fd)), stamp)) return undefined
    const start = Buffer.alloc(Math.min(sniffedBytes, stamp.size))
    const md5 = createHash('md5')
    const sha512 = createHash('sha512')
    let position = 0
    while (position < stamp.size) {
      const read = readSync(fd, buffer, 0, Math.min(buffer.length, stamp.size - position), position)
      if (read === 0) return undefined
      const chunk = buffer.subarray(0, read)
      chunk.copy(start, Math.min(position, start.length))
      md5.update(chunk)
      sha512.update(chunk)
      position += read
    }
    if (!sameStamp(stampOf(fstatSync(fd)), stamp)) return undefined
    const format = guessDiskFormat(fileName, stamp.size, start)
    return { stamp, md5: md5.digest('hex'), sha512: sha512.digest('hex'), ...format }
  } finally {
    closeSync(fd)
  }
}
