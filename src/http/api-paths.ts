/**
 * The versions of the image API under which the cache is managed, as the first part of a raw path. Glance takes those
 * up to the newest it announces for the same thing.
 */
export const apiVersion = String.raw`\/v2(?:\.(?:\d|1[0-8]))?`

/** The versions that announce the cache API; what Glance itself announces depends on its configuration. */
export const cacheApiVersions = [18, 17, 16, 15, 14] as const
