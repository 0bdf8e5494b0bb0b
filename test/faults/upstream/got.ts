import assert from 'node:assert/strict'
import type { Got } from '../../support/client.ts'
import type { Part } from './parts.ts'

const own = 'the store’s own answer'

/** What a client got of an image, in the words of the matrix; throws when it is nothing that is promised. */
export function imagePhrase(got: Got, bytes: Buffer): string {
  if (!got.complete) {
    const isPrefix = got.status !== 200 || got.body.equals(bytes.subarray(0, got.body.length))
    return isPrefix ? 'cut off' : 'cut off, wrong bytes before that'
  }
  if (got.status !== 200) return refusalPhrase(got)
  assert(got.body.equals(bytes), `${got.body.length} bytes that look complete are not the image`)
  const status = String(got.headers['cache-status'])
  if (status === 'afterimage; hit') return 'the whole image, from the cache'
  return status.includes('detail=') ? 'the whole image, passed on' : 'the whole image'
}

/** What an answer that is only passed on should be. */
export type Wanted = Readonly<{ status: number; body: Buffer; range?: string; md5?: string | undefined; words: string }>

/** What was passed on as it came, whether right or as the store `sent` it. */
export function passedPhrase(got: Got, wanted: Wanted, sent: readonly Part[]): string {
  if (!got.complete) return 'cut off'
  if (isRight(got, wanted)) return wanted.words
  if (got.status >= 300) return refusalPhrase(got)
  const written = sent.filter((part) => typeof part === 'string' || Buffer.isBuffer(part))
  const all = Buffer.concat(written.map((part) => Buffer.from(part)))
  assert(all.includes(got.body), 'nobody but the store wrote this')
  return 'as the store sent it'
}

function isRight({ status, headers, body }: Got, wanted: Wanted): boolean {
  const md5 = String(headers['content-md5'])
  const isOtherDigest = /^[0-9a-f]{32}$/.test(md5) && wanted.md5 !== undefined && md5 !== wanted.md5
  const isCoded = !['identity', undefined].some((coding) => coding === headers['content-encoding'])
  if (isOtherDigest || isCoded || headers['content-range'] !== wanted.range) return false
  return status === wanted.status && body.equals(wanted.body)
}

/** The store's own word, or a status of ours. */
function refusalPhrase(got: Got): string {
  if (got.body.toString().startsWith('the store says') || [204, 304].includes(got.status)) return own
  assert(got.status >= 500, `${got.status} looks like a success`)
  return String(got.status)
}
