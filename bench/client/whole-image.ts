import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Image } from '../images.ts'
import { get } from './get.ts'
import { type Target, urlOf } from './target.ts'

/** Downloads the image once and compares its digest: a fast server of wrong bytes is no peer. */
export async function checkWholeImage(target: Target, image: Image): Promise<void> {
  const hash = createHash('sha512')
  await pipeline(await ask(target), hash)
  if (hash.digest('hex') !== image.sha512) throw new Error(`${urlOf(target)} gave other bytes than the image has`)
}

/** The header of a download that is then broken off: enough to see where it would come from. */
export async function downloadHeaders(target: Target): Promise<IncomingHttpHeaders> {
  const response = await ask(target)
  response.destroy()
  return response.headers
}

async function ask(target: Target): Promise<IncomingMessage> {
  const [name = '', value = ''] = target.header.split(': ')
  const response = await get(urlOf(target), { [name]: value })
  if (response.statusCode === 200) return response
  response.destroy()
  throw new Error(`${urlOf(target)} answered ${response.statusCode}`)
}
