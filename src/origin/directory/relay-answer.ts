import type { ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import { type HeaderList, OriginError, type Relayed } from '../origin.ts'
import type { Answer } from './answer.ts'
import type { FileDownload } from './file-download.ts'

export type RelayAnswerOptions = Readonly<{
  /** Fields that go out too, in place of ours of the same name. */
  added: HeaderList
  isHead: boolean
  /** Told why a file could not be sent to its end. */
  onWarning: (message: string) => void
}>

/**
 * Sends an answer to the client. One that breaks off in the middle ends with a reset: an orderly end would look
 * complete to whoever does not count. Never rejects.
 */
export async function relayAnswer(
  answer: Answer | FileDownload,
  outgoing: ServerResponse,
  { added, isHead, onWarning }: RelayAnswerOptions,
): Promise<Relayed> {
  const download = 'deliver' in answer ? answer : undefined
  if (outgoing.destroyed) {
    download?.abort()
    return { status: 0, bytes: 0, complete: false }
  }
  const { status } = answer
  const over = new Set(added.map(([name]) => name.toLowerCase()))
  const headers = [...answer.headers.filter(([name]) => !over.has(name.toLowerCase())), ...added]
  // Heard from now on: a client may leave at any moment.
  const sent = finished(outgoing).then(
    () => true,
    () => false,
  )
  outgoing.writeHead(status, headers.flat())
  if (download !== undefined && !isHead) return { status, ...(await send(download, outgoing, sent, onWarning)) }
  download?.abort()
  const body = 'body' in answer && !isHead ? answer.body : Buffer.alloc(0)
  outgoing.end(body)
  const complete = await sent
  return { status, bytes: complete ? body.length : 0, complete }
}

async function send(
  download: FileDownload,
  outgoing: ServerResponse,
  sent: Promise<boolean>,
  onWarning: (message: string) => void,
): Promise<{ bytes: number; complete: boolean }> {
  let bytes = 0
  outgoing.once('close', () => download.abort())
  try {
    await download.deliver((chunk) => {
      // Nothing is copied: the next read waits until the kernel has this chunk.
      download.pause()
      outgoing.write(chunk, () => download.resume())
      bytes += chunk.length
    })
  } catch (error) {
    outgoing.socket?.resetAndDestroy()
    outgoing.destroy()
    const clientLeft = error instanceof OriginError && error.reason === 'aborted'
    if (!clientLeft) onWarning(String(error))
    return { bytes, complete: false }
  }
  outgoing.end()
  return { bytes, complete: await sent }
}
