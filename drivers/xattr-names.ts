/** What Glance leaves beside the images: the probe of its xattr driver, and its external locks. */
const others = new Set([
  'checkme',
  'image_cache_db_init',
  'sqlite_centralized_migrate',
  'glance-cache',
  'glance-cache-clean',
  'glance-cache-prune',
])

/** SQLite's files (a `cache.db` from before this driver was chosen) and other locks. */
const otherSuffix = /\.(?:db|db-wal|db-shm|db-journal|lock)$/

/** Whether a file of this name in the cache directory can be an image; only names are judged. */
export const couldBeImage = (name: string): boolean =>
  !name.startsWith('.') && !otherSuffix.test(name) && !others.has(name)
