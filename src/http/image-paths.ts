/** A download asked for: of which image, and by which target the upstream knows it. */
export type DownloadPath = Readonly<{ id: string; target: string }>

/**
 * Request targets are matched as they came: a router that normalises would turn `/v2/images/%2e%2e/cache` into
 * something else than what the upstream will see.
 */
export function splitTarget(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  return mark === -1 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark) }
}

/** `/v2/images/<id>/file` (any 2.x, as Glance's version negotiation accepts) or the short form `/images/<id>`. */
export function downloadPath(target: string): DownloadPath | undefined {
  const { path, query } = splitTarget(target)
  const [, version, id] = /^\/(v2(?:\.\d{1,3})?)\/images\/([^/\\]+)\/file$/.exec(path) ?? []
  if (version !== undefined && id !== undefined) return { id, target }
  const [, short] = /^\/images\/([^/\\]+)$/.exec(path) ?? []
  return short === undefined ? undefined : { id: short, target: `/v2/images/${short}/file${query}` }
}

/** The image that a PATCH, PUT, POST or DELETE of this target changes. `whole`: the image itself, not something of it. */
export function changedImage(target: string): { id: string; whole: boolean } | undefined {
  // Generous on purpose: what the upstream may take for a change of an image must not escape us by its spelling, be it the
  // absolute form (RFC 9112 3.2.2) or a slash that is encoded.
  const { path } = splitTarget(target.replace(/^https?:\/\/[^/?#]*/i, ''))
  const segments = decoded(path).split('/').filter(Boolean)
  if (/^v2(\.\d+)?$/.test(segments[0] ?? '')) segments.shift()
  const [images, id, ...rest] = segments
  if (images !== 'images' || id === undefined) return undefined
  return { id: id.toLowerCase(), whole: rest.length === 0 }
}

/** As much of it as can be: one bad escape does not hide the others. */
const decoded = (path: string): string =>
  path.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped)
    } catch {
      return escaped
    }
  })
