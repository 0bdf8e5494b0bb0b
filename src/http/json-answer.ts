import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cutOff } from '../origin/upstream/cut-off.ts'
import { cutOffWhenStalled } from './cut-off-when-stalled.ts'

/** Pieces of JSON are gathered to about this many characters before they are written. */
const chunkLength = 1 << 15

/** A short answer, whole. */
export function answerJson(outgoing: ServerResponse, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  outgoing.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  outgoing.end(body)
}

/** An answer that has nothing to say but its status. */
export function answerEmpty(outgoing: ServerResponse, status: 200 | 202 | 204): void {
  outgoing.writeHead(status, status === 204 ? {} : { 'Content-Length': 0 })
  outgoing.end()
}

/**
 * A long JSON document, as fast as its client takes it: however long it is, little of it is in memory. Rejects before
 * anything was sent when the first piece cannot be had. What breaks later is cut off, so that it does not look whole,
 * and told to `onFault`, unless it was the client that left.
 */
export async function streamJson(
  outgoing: ServerResponse,
  pieces: AsyncIterable<string>,
  options: Readonly<{ idleTimeoutMs: number; onFault(error: unknown): void }>,
): Promise<void> {
  const chunks = gathered(pieces)
  const first = await chunks.next()
  outgoing.writeHead(200, { 'Content-Type': 'application/json' })
  const unwatch = cutOffWhenStalled(outgoing, options.idleTimeoutMs)
  let fault: unknown
  async function next() {
    try {
      return await chunks.next()
    } catch (error) {
      fault = error
      cutOff(outgoing)
      throw error
    }
  }
  async function* all() {
    for (let chunk = first; chunk.done !== true; chunk = await next()) yield chunk.value
  }
  try {
    // One chunk at a time: the next one is made when the client has taken this one.
    await pipeline(Readable.from(all(), { highWaterMark: 1 }), outgoing)
  } catch {
    // The client left, unless `fault` is why.
    if (fault !== undefined) options.onFault(fault)
  } finally {
    unwatch()
    // Where the client had left before the first chunk, nobody has ended the listing yet.
    await chunks.return()
  }
}

async function* gathered(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let chunk = ''
  for await (const piece of pieces) {
    chunk += piece
    if (chunk.length < chunkLength) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}
