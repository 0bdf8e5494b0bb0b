import { mkdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { setAttributeSync } from 'fs-xattr'
import type { DriverName } from './proxy.ts'

/** Times are Unix seconds, with a fraction, as Glance's clock has them. */
export type GlanceImage = Readonly<{ id: string; bytes: Buffer; hits: number; accessed: number; modified: number }>

/** Fills a directory as Glance leaves it that used this driver. */
export async function fillAsGlance(dir: string, driver: DriverName, images: readonly GlanceImage[]): Promise<void> {
  for (const place of ['incomplete', 'invalid', 'queue']) await mkdir(join(dir, place), { recursive: true })
  for (const { id, bytes, hits, accessed, modified } of images) {
    await writeFile(join(dir, id), bytes)
    if (driver === 'xattr') setAttributeSync(join(dir, id), 'user.hits', String(hits))
    await utimes(join(dir, id), accessed, modified)
  }
  if (driver === 'xattr') return
  const db = new Database(join(dir, 'cache.db'))
  try {
    db.exec(`CREATE TABLE cached_images (image_id TEXT PRIMARY KEY, last_accessed REAL DEFAULT 0.0,
      last_modified REAL DEFAULT 0.0, size INTEGER DEFAULT 0, hits INTEGER DEFAULT 0, checksum TEXT)`)
    const insert = db.prepare(
      'INSERT INTO cached_images (image_id, last_accessed, last_modified, hits, size) VALUES (?, ?, ?, ?, ?)',
    )
    for (const { id, bytes, hits, accessed, modified } of images) insert.run(id, accessed, modified, hits, bytes.length)
  } finally {
    db.close()
  }
}
