import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Image } from '../images.ts'
import { type Target, urlOf } from '../peers/peer.ts'

/** Downloads the image once and compares its digest: a fast server of wrong bytes is no peer. */
export async function checkWholeImage(target: Target, image: Image): Promise<void> {
  const response = await ask(target)
  const hash = createHash('sha512')
  if (response.body !== null) await finished(Readable.fromWeb(response.body).on('data', (bytes) => hash.update(bytes)))
  if (hash.digest('hex') !== image.sha512) throw new Error(`${urlOf(target)} gave other bytes than the image has`)
}

/** The header of a download that is then broken off: enough to see where it would come from. */
export async function downloadHeaders(target: Target): Promise<Headers> {
  const response = await ask(target)
  await response.body?.cancel()
  return response.headers
}

async function ask(target: Target): Promise<Response> {
  const [name = '', value = ''] = target.header.split(': ')
  const response = await fetch(urlOf(target), { headers: { [name]: value, 'accept-encoding': 'identity' } })
  if (response.status !== 200) throw new Error(`${urlOf(target)} answered ${response.status}`)
  return response
}
