import { ApiError } from './api-error.ts'
import { imageFilter } from './image-filter.ts'
import { imageOrder } from './image-order.ts'
import { imageRecord } from './image-record.ts'
import type { JsonObject } from './json-value.ts'
import type { StoredImage } from './stored-image.ts'

/** Images of a page when the request does not say, and at most (Glance's limit_param_default and api_limit_max). */
const defaultLimit = 25
const maxLimit = 1000

/** What `GET /v2/images` answers: one page, and where the next one is. */
export function imagePage(images: readonly StoredImage[], query: URLSearchParams): JsonObject {
  const limit = Math.min(maxLimit, pageLimit(query.get('limit')))
  const compare = imageOrder(query)
  const matches = imageFilter(query)
  const records = images.map(imageRecord)
  const after = marker(records, query.get('marker'))
  const page = records
    .filter((record) => (after === undefined || compare(record, after) > 0) && matches(record))
    .sort(compare)
    .slice(0, limit)

  const first = new URLSearchParams(query)
  first.delete('marker')
  const last = page.length === limit ? page.at(-1) : undefined
  const next = new URLSearchParams(first)
  next.set('marker', String(last?.id))
  return {
    images: page,
    first: link(first),
    schema: '/v2/schemas/images',
    ...(last === undefined ? {} : { next: link(next) }),
  }
}

const link = (query: URLSearchParams): string => (query.size === 0 ? '/v2/images' : `/v2/images?${query}`)

function pageLimit(value: string | null): number {
  if (value === null) return defaultLimit
  if (!/^[+-]?\d+$/.test(value)) throw new ApiError(400, 'limit param must be an integer')
  if (Number(value) < 0) throw new ApiError(400, 'limit param must be positive')
  return Number(value)
}

function marker(records: readonly JsonObject[], id: string | null): JsonObject | undefined {
  if (id === null) return undefined
  const found = records.find((record) => record.id === id)
  if (found === undefined) throw new ApiError(400, `No image found with ID ${id}`)
  return found
}
