import { OriginError } from '../origin.ts'
import type { Answer } from './exchange.ts'

/** A short body in memory. */
export type ShortBody = Readonly<{ bytes: Buffer; whole: boolean }>

/**
 * Reads an answer's body to its end, so that its connection is used again; of a body longer than `most` bytes the
 * beginning is kept and the exchange is ended. Rejects with an OriginError when it breaks off, or is not there within
 * the idle time: what is short has no reason to trickle, and somebody waits for it.
 */
export async function readShort(answer: Answer, most: number): Promise<ShortBody> {
  const chunks: Buffer[] = []
  let length = 0
  const { where, idleTimeoutMs } = answer.server
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    answer.abort()
  }, idleTimeoutMs)
  try {
    await answer.deliver((chunk) => {
      chunks.push(Buffer.from(chunk.subarray(0, most - length)))
      length += chunk.length
      if (length > most) throw new TooLong()
    })
  } catch (error) {
    if (isLate) throw new OriginError('timeout', `${where}: a short answer was not whole within the idle timeout`)
    if (!(error instanceof TooLong)) throw error
  } finally {
    clearTimeout(timer)
  }
  return { bytes: Buffer.concat(chunks), whole: length <= most }
}

class TooLong extends Error {}
