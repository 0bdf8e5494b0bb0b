import type { IncomingMessage } from 'node:http'
import { type Answer, json, problem } from './answer.ts'
import { ApiError } from './api-error.ts'
import { byteRange } from './byte-range.ts'
import type { Catalogue } from './catalogue.ts'
import type { FileDownload } from './file-download.ts'
import { openImageData, unknownImage } from './image-data.ts'
import { imagePage } from './image-page.ts'
import { imageRecord } from './image-record.ts'
import { imageSchema, imagesSchema } from './schemas.ts'
import { isApiVersion, versionsDocument } from './versions.ts'

/** Bytes read at once for a client: it holds one such buffer for as long as it is slow. */
const chunkBytes = 256 << 10

export type ApiRequest = Readonly<{
  method: string
  /** As in the request line: never decoded before it is taken apart. */
  target: string
  /** Scheme and authority under which the client knows us, for links that must be absolute. */
  endpoint: string
  range: string | undefined
}>

/** What goes out for a request: the reading half of Glance's v2 API, for everybody. Rejects with an OriginError. */
export async function answerRequest(catalogue: Catalogue, request: ApiRequest): Promise<Answer | FileDownload> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const explanation = `This image store is a directory of files and read-only: ${request.method} is not allowed.`
    return problem(405, explanation, [['Allow', 'GET, HEAD']])
  }
  try {
    return await route(catalogue, request)
  } catch (error) {
    if (error instanceof ApiError) return problem(error.status, error.message)
    throw error
  }
}

async function route(catalogue: Catalogue, request: ApiRequest): Promise<Answer | FileDownload> {
  const { path, query } = takeApart(request.target)
  if (path === '/') return versionsDocument(300, request.endpoint)
  if (path === '/versions' || path === '/versions/') return versionsDocument(200, request.endpoint)
  const [, version = '', collection, id, file, ...rest] = path.split('/')
  // As Glance does for versions that it does not speak: this is what there is.
  if (/^v\d/.test(version) && !isApiVersion(version)) return versionsDocument(300, request.endpoint)
  if (!isApiVersion(version) || rest.length > 0) return notFound()
  // Glance has a 404 here, and clients that were given the endpoint with its version do not find their way.
  if (collection === undefined || collection === '') return versionsDocument(300, request.endpoint)
  if (collection === 'schemas' && file === undefined) {
    if (id === 'image') return json(imageSchema)
    if (id === 'images') return json(imagesSchema)
  }
  if (collection !== 'images' || id === '') return notFound()
  if (id === undefined) return json(imagePage(await catalogue.images(), new URLSearchParams(query)))
  if (file === undefined) {
    const image = await catalogue.find(decoded(id))
    return image === undefined ? unknownImage(decoded(id)) : json(imageRecord(image))
  }
  if (file !== 'file') return notFound()
  return openImageData(catalogue, decoded(id), (size) => byteRange(request.range, size), chunkBytes)
}

const notFound = (): Answer => problem(404, 'The resource could not be found.')

/** Of a target in absolute form (RFC 9112 section 3.2.2) too. */
function takeApart(target: string): { path: string; query: string } {
  const origin = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? ''
  const [, path = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(target.slice(origin.length)) ?? []
  return { path: path === '' ? '/' : path, query }
}

/** An id is only ever looked up among those in the catalogue: no text of a request becomes a path. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    // No UTF-8 in it, so it is no id of ours: shown as it came.
    return id
  }
}

/** Range is for GET alone (RFC 9110 section 14.2), and not for a client that makes it depend on a validator we never gave. */
export function rangeField({ method, headers }: IncomingMessage, dropped: ReadonlySet<string>): string | undefined {
  const conditional = headers['if-range'] !== undefined && !dropped.has('if-range')
  return method === 'GET' && !dropped.has('range') && !conditional ? headers.range : undefined
}
