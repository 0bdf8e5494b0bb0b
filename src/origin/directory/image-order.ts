import { ApiError } from './api-error.ts'
import type { JsonObject, JsonValue } from './json-value.ts'

const sortKeys = ['name', 'status', 'container_format', 'disk_format', 'size', 'id', 'created_at', 'updated_at']

export type Compare = (a: JsonObject, b: JsonObject) => number

/**
 * The order that a listing asks for, in either of Glance's syntaxes: `sort=name:asc,size` or `sort_key`/`sort_dir`
 * pairs. `created_at` and `id` come last, so that the order is total and a marker stands for one place in it.
 */
export function imageOrder(query: URLSearchParams): Compare {
  const { keys, directions } = query.has('sort') ? newSyntax(query) : oldSyntax(query)
  // One direction holds for all keys; else keys that were not asked for go down.
  const rest = directions.length === 1 ? (directions[0] ?? 'desc') : 'desc'
  const columns = [...new Set([...keys, 'created_at', 'id'])].map((key) => {
    const asked = keys.indexOf(key)
    return { key, sign: (directions[asked] ?? rest) === 'asc' ? 1 : -1 }
  })
  return (a, b) => {
    for (const { key, sign } of columns) {
      const order = compareValues(a[key], b[key])
      if (order !== 0) return sign * order
    }
    return 0
  }
}

function newSyntax(query: URLSearchParams) {
  if (query.has('sort_key') || query.has('sort_dir')) {
    throw new ApiError(400, 'Old and new sorting syntax cannot be combined')
  }
  const pairs = (query.get('sort') ?? '').split(',').map((pair) => pair.split(':', 2))
  return {
    keys: pairs.map(([key = '']) => knownKey(key.trim())),
    directions: pairs.map(([, direction = '']) => knownDirection(direction.trim() || 'desc')),
  }
}

function oldSyntax(query: URLSearchParams) {
  const keys = query.getAll('sort_key').map((key) => knownKey(key.trim()))
  const directions = query.getAll('sort_dir').map((direction) => knownDirection(direction.trim()))
  if (directions.length > 1 && directions.length !== keys.length) {
    throw new ApiError(400, 'Number of sort dirs does not match the number of sort keys')
  }
  return { keys, directions }
}

function knownKey(key: string): string {
  if (sortKeys.includes(key)) return key
  throw new ApiError(400, `Invalid sort key: ${key}. It must be one of the following: ${sortKeys.join(', ')}.`)
}

function knownDirection(direction: string): string {
  if (direction === 'asc' || direction === 'desc') return direction
  throw new ApiError(400, `Invalid sort direction: ${direction}`)
}

/** Texts by code unit, numbers by size, what is not set first. */
function compareValues(a: JsonValue | undefined, b: JsonValue | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [left, right] = [a ?? '', b ?? '']
  return left < right ? -1 : left > right ? 1 : 0
}
