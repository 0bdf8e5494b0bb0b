import { ApiError } from './api-error.ts'
import type { JsonObject } from './json-value.ts'

export type Matches = (record: JsonObject) => boolean

/** Parameters that say which page in which order, and `deleted`: nothing that was deleted is here. */
const notFilters = new Set(['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'deleted'])

/** Members that take a list: `name=in:a,b`. */
const listable = new Set(['id', 'name', 'status', 'container_format', 'disk_format'])

const comparisons: Readonly<Record<string, (value: number, than: number) => boolean>> = {
  eq: (value, than) => value === than,
  neq: (value, than) => value !== than,
  gt: (value, than) => value > than,
  gte: (value, than) => value >= than,
  lt: (value, than) => value < than,
  lte: (value, than) => value <= than,
}

/**
 * Which images a listing asks for, by Glance's rules: an unknown name is a custom property that must have this value,
 * and hidden images are given only when asked for.
 */
export function imageFilter(query: URLSearchParams): Matches {
  const filters = [...new Set(query.keys())].filter((name) => !notFilters.has(name)).map((name) => filter(name, query))
  const hidden = boolean('os_hidden', query.get('os_hidden') ?? 'false')
  return (record) => record.os_hidden === hidden && filters.every((matches) => matches(record))
}

function filter(name: string, query: URLSearchParams): Matches {
  const values = query.getAll(name)
  // Of a parameter given twice Glance takes the last; tags must all be there.
  const value = values.at(-1) ?? ''
  switch (name) {
    case 'tag':
      return ({ tags }) => Array.isArray(tags) && values.every((tag) => tags.includes(tag.trim()))
    case 'visibility':
      if (!['community', 'public', 'private', 'shared', 'all'].includes(value)) {
        throw new ApiError(400, `Invalid visibility value: ${value}`)
      }
      return (record) => value === 'all' || record.visibility === value
    case 'member_status':
      if (!['pending', 'accepted', 'rejected', 'all'].includes(value)) {
        throw new ApiError(400, `Invalid status: ${value}`)
      }
      return () => true
    case 'changes-since':
      throw new ApiError(400, 'The "changes-since" filter is no longer available on v2.')
    case 'os_hidden':
    case 'protected': {
      const wanted = boolean(name, value)
      return (record) => record[name] === wanted
    }
    case 'size_min':
    case 'size_max': {
      const limit = byteCount(value)
      return ({ size }) => typeof size === 'number' && (name === 'size_min' ? size >= limit : size <= limit)
    }
    case 'created_at':
    case 'updated_at':
      return timeFilter(name, value)
    default:
      return valueFilter(name, value)
  }
}

function valueFilter(name: string, value: string): Matches {
  const [, operator, operand = ''] = (listable.has(name) && /^(in|eq):(.*)$/s.exec(value)) || ['', 'eq', value]
  const wanted = operator === 'in' ? listItems(operand) : [operand]
  return (record) => record[name] !== null && record[name] !== undefined && wanted.includes(String(record[name]))
}

/** Items are separated by commas; one that contains a comma stands in double quotes, with a backslash before a quote. */
function listItems(list: string): string[] {
  const items = list.matchAll(/"((?:[^"\\]|\\.)*)"|[^,"]+/gs)
  return Array.from(items, ([item, inner]) => (inner === undefined ? item : inner.replaceAll(/\\(.)/gs, '$1')))
}

function timeFilter(name: string, value: string): Matches {
  const [, operator = 'eq', time = value] = /^(eq|neq|gte?|lte?):(.*)$/.exec(value) ?? []
  const compare = comparisons[operator]
  const than = Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`)
  if (compare === undefined || !/^\d{4}-\d\d-\d\dT/.test(time) || Number.isNaN(than)) {
    throw new ApiError(400, `Bad "${name}" query filter format. Use ISO 8601 DateTime notation.`)
  }
  return (record) => compare(Date.parse(String(record[name])), than)
}

function boolean(name: string, value: string): boolean {
  if (value === 'true' || value === 'false') return value === 'true'
  throw new ApiError(400, `Invalid value '${value}' for '${name}' filter. Valid values are 'true' or 'false'.`)
}

function byteCount(value: string): number {
  if (/^\d+$/.test(value)) return Number(value)
  throw new ApiError(400, 'Unable to filter on a range with a non-numeric value.')
}
