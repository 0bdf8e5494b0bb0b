import type { Digests } from '../cache/digest.ts'
import { errorCode } from '../cache/error-code.ts'
import type { Committed } from '../cache/files.ts'
import type { VerifyJob } from './verify-job.ts'

export type DigestOf =
  | Readonly<{ kind: 'hex'; hex: string }>
  /** The file has no name any more: nobody will get it again. */
  | Readonly<{ kind: 'gone' }>
  | Readonly<{ kind: 'stopped' }>
  /** The disk cannot give the bytes any more: they are lost. */
  | Readonly<{ kind: 'unreadable'; why: string }>

/** Reads a whole committed file in the digests' threads, as fast as the job wants it. `algorithm` is a name of Node's. */
export async function digestOf(
  digests: Digests,
  job: VerifyJob,
  { handle, stats: { size } }: Committed,
  algorithm: string,
): Promise<DigestOf> {
  const digest = digests.start(handle.fd, algorithm)
  try {
    for (let at = 0; at < size && job.stop === undefined; ) {
      const step = job.step(size - at)
      await job.pause(step)
      if ((await handle.stat()).nlink === 0) return { kind: 'gone' }
      at += step
      digest.advance(at)
    }
    // What stops it while the last bytes are read makes the digest worthless, not wrong.
    const hex = await Promise.race([job.stopped, digest.end()])
    return hex === undefined ? { kind: 'stopped' } : { kind: 'hex', hex }
  } catch (error) {
    if (errorCode(error) !== 'EIO') throw error
    return { kind: 'unreadable', why: `the file cannot be read: ${error}` }
  } finally {
    await digest.drop()
  }
}
