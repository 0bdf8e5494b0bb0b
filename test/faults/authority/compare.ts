import assert from 'node:assert/strict'
import type { Got } from '../../support/client.ts'
import { secretIn } from './tokens.ts'

/** Of one exchange alone, or of the way it went. */
const ofTheExchange = ['date', 'connection', 'keep-alive', 'transfer-encoding', 'via', 'cache-status']
/** What a cache adds to an image. */
const ofTheCache = ['etag', 'accept-ranges']

/** An answer to a question about image `id`, asked at `url`. */
export type Told = Readonly<{ got: Got; id: string; url: string }>

/** An image, or a part of it. An image without data is a 204. */
export const isGranted = ({ status }: Got): boolean => status === 200 || status === 206

/** The client is told what Glance tells it: status, fields and body. */
export function assertSame(through: Told, direct: Told): void {
  const granted = isGranted(direct.got)
  assertNoSecret(through.got)
  assert(through.got.complete, `the answer broke off: ${through.got.broke}`)
  const left = [...ofTheExchange, ...(granted ? ofTheCache : [])]
  assert.deepEqual(neutral(through, left, !granted), neutral(direct, left, !granted))
  assert(!granted || through.got.body.equals(direct.got.body), 'the bytes that Glance gives')
}

/** Where Glance, which knows no conditions, would give the image: 304, and not a byte of it. */
export function assertNotModified(through: Told, direct: Told, etag: string): void {
  assertNoSecret(through.got)
  assert.deepEqual([direct.got.status, through.got.status, through.got.body.length], [200, 304, 0])
  assert.equal(through.got.headers.etag, etag)
}

/** Request ids are of one request, links point to where it went, and images that are alike have ids of their own. */
function neutral({ got, id, url }: Told, left: readonly string[], withBody: boolean) {
  const plain = (text: string) =>
    text
      .replaceAll(url, '{endpoint}')
      .replaceAll(id, '{id}')
      .replace(/req-[0-9a-f-]{36}/g, '{request}')
  const hasLink = withBody && got.body.includes(url)
  const fields = Object.entries(got.headers)
    .filter(([name]) => !left.includes(name))
    // The address has another length. A 204 must have none (RFC 9110, section 8.6), though Glance says 0.
    .filter(([name]) => !(name === 'content-length' && (hasLink || got.status === 204)))
    .map(([name, value]) => [name, plain(String(value))])
  return {
    status: got.status,
    headers: Object.fromEntries(fields),
    ...(withBody && { body: plain(got.body.toString()) }),
  }
}

/** No answer says anything of a credential. */
export function assertNoSecret({ headers, body, status }: Got): void {
  const text = JSON.stringify(headers) + (status >= 300 ? body.toString() : '')
  assert.equal(secretIn(text), undefined, 'a secret in an answer')
}
