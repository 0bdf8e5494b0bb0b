import type { Answer } from './exchange.ts'

/** A short body in memory. */
export type ShortBody = Readonly<{ bytes: Buffer; whole: boolean }>

/**
 * Reads an answer's body to its end, so that its connection is used again; of a body longer than `most` bytes the
 * beginning is kept and the exchange is ended. Rejects with an OriginError when it breaks off.
 */
export async function readShort(answer: Answer, most: number): Promise<ShortBody> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    await answer.deliver((chunk) => {
      chunks.push(Buffer.from(chunk.subarray(0, most - length)))
      length += chunk.length
      if (length > most) throw new TooLong()
    })
  } catch (error) {
    if (!(error instanceof TooLong)) throw error
  }
  return { bytes: Buffer.concat(chunks), whole: length <= most }
}

class TooLong extends Error {}
