import type { IncomingHttpHeaders } from 'node:http'

/**
 * What the conditions of a GET or HEAD come to, before its range is looked at (RFC 9110 13.2.2, steps 1 to 4).
 * Dates are ignored, as they must be where a resource has none: no Last-Modified is sent.
 */
export type Condition = 'proceed' | 'not-modified' | 'precondition-failed'

/** `etag`: the image's strong entity tag with its quotes, undefined when no digest of it is known. */
export function evaluateConditions(headers: IncomingHttpHeaders, etag: string | undefined): Condition {
  const ifMatch = headers['if-match']
  if (ifMatch !== undefined && !matches(ifMatch, etag, isSameStrong)) return 'precondition-failed'
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag, isSameWeak)) return 'not-modified'
  return 'proceed'
}

/**
 * Step 5: whether a Range field of the request is to be heeded. If-Range asks for it only while the image is the very
 * same; a weak tag proves nothing (13.1.5), and a date can never match.
 */
export function evaluateIfRange(headers: IncomingHttpHeaders, etag: string | undefined): boolean {
  const ifRange = headers['if-range']
  if (ifRange === undefined) return true
  const [tag, ...others] = parseEntityTags(String(ifRange))
  return tag !== undefined && others.length === 0 && isSameStrong(tag, etag)
}

/** An entity tag without its `W/`, quotes included (8.8.3). */
type EntityTag = Readonly<{ isWeak: boolean; opaque: string }>

const isSameWeak = (tag: EntityTag, etag: string | undefined): boolean => tag.opaque === etag
const isSameStrong = (tag: EntityTag, etag: string | undefined): boolean => !tag.isWeak && tag.opaque === etag

/** `*` stands for any image that exists: this one does, whether or not it has a tag. */
const matches = (field: string, etag: string | undefined, isSame: typeof isSameWeak): boolean =>
  field.trim() === '*' || parseEntityTags(field).some((tag) => isSame(tag, etag))

/** The tags of a list. A list that breaks the grammar has none: it can match nothing. */
function parseEntityTags(field: string): EntityTag[] {
  const tags: EntityTag[] = []
  // A tag may hold commas, so the list is walked, not split. Sticky: every step goes on where the last one ended.
  const step = /[ \t]*(?:(W\/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*)?(,|$)/y
  while (step.lastIndex < field.length) {
    const found = step.exec(field)
    if (found === null) return []
    const [, weak, opaque] = found
    if (opaque !== undefined) tags.push({ isWeak: weak !== undefined, opaque })
  }
  return tags
}
