import type { RangeRequest } from '../../../src/http/ranges.ts'

/** RFC 9110 14.1.1, 14.1.2 and 14.2, said again in another way: a grammar as one expression, and whole numbers. */
export function rangeModel(field: string, size: number): RangeRequest {
  const spec = '(?:[0-9]+-[0-9]*|-[0-9]+)'
  const list = new RegExp(`^bytes=(?:[ \\t]*,)*[ \\t]*${spec}(?:[ \\t]*,[ \\t]*(?:${spec})?)*[ \\t]*$`, 'i')
  if (!list.test(field) || field.endsWith('\n')) return { kind: 'none' }
  const specs = [...field.slice(6).matchAll(/([0-9]*)-([0-9]*)/g)].map(([, first = '', last = '']) => ({ first, last }))
  if (specs.some(({ first, last }) => first !== '' && last !== '' && BigInt(last) < BigInt(first)))
    return { kind: 'none' }
  const [only, ...more] = specs
  if (only === undefined) return { kind: 'none' }
  if (more.length > 0) return { kind: 'several' }
  const total = BigInt(size)
  if (only.first === '') {
    const suffix = BigInt(only.last)
    if (suffix === 0n) return { kind: 'unsatisfiable' }
    if (total === 0n) return { kind: 'none' }
    return { kind: 'range', start: Number(suffix > total ? 0n : total - suffix), end: size }
  }
  const [first, end] = [BigInt(only.first), only.last === '' ? total : BigInt(only.last) + 1n]
  if (first >= total) return { kind: 'unsatisfiable' }
  return { kind: 'range', start: Number(first), end: Number(end > total ? total : end) }
}

/** RFC 9110 13.1.1, 13.1.2 and 13.1.5: the list is taken apart from its front, one character class after the other. */
export function conditionModel(
  name: 'if-match' | 'if-none-match' | 'if-range',
  field: string,
  etag: string | undefined,
): 'proceed' | 'not-modified' | 'precondition-failed' {
  const tags = tagsOf(field) ?? []
  const strong = tags.some((tag) => tag === etag)
  const weak = tags.some((tag) => tag.replace(/^W\//, '') === etag)
  const any = field.trim() === '*'
  if (name === 'if-match') return any || strong ? 'proceed' : 'precondition-failed'
  if (name === 'if-none-match') return any || weak ? 'not-modified' : 'proceed'
  return tags.length === 1 && strong ? 'proceed' : 'precondition-failed'
}

/** undefined for what is no list of entity tags. */
function tagsOf(field: string): string[] | undefined {
  const tags: string[] = []
  let rest = field
  let open = true
  while (rest !== '') {
    const blank = /^[ \t]+/.exec(rest)?.[0]
    const tag = /^(?:W\/)?"[!#-~\u0080-\u00ff]*"/.exec(rest)?.[0]
    if (blank !== undefined) rest = rest.slice(blank.length)
    else if (rest.startsWith(',')) {
      open = true
      rest = rest.slice(1)
    } else if (tag !== undefined && open) {
      tags.push(tag)
      open = false
      rest = rest.slice(tag.length)
    } else return undefined
  }
  return tags
}
