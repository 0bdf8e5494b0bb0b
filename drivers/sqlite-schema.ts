import type Database from 'better-sqlite3'

/** Version of our own tables, kept in `user_version`. Glance leaves that at 0. */
const version = 1

/** Glance's own words (image_cache/drivers/sqlite.py), so that either program can go on with the other's database. */
const glanceTable = `
  CREATE TABLE IF NOT EXISTS cached_images (
    image_id TEXT PRIMARY KEY,
    last_accessed REAL DEFAULT 0.0,
    last_modified REAL DEFAULT 0.0,
    size INTEGER DEFAULT 0,
    hits INTEGER DEFAULT 0,
    checksum TEXT
  )`

/**
 * What Glance has no place for; it never looks at these names. Thanks to the indexes a page of the list and the sum of
 * all sizes take a few milliseconds with 100 000 images. A row of ours may come before the image's (prepared
 * facts), but goes with it, whoever deletes that: a pin must not come back with another program's next download.
 */
const ours = `
  CREATE TABLE afterimage_facts (image_id TEXT PRIMARY KEY, facts TEXT, pinned INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX afterimage_by_access ON cached_images (last_accessed, image_id);
  CREATE INDEX afterimage_sizes ON cached_images (size);
  CREATE TRIGGER afterimage_forget AFTER DELETE ON cached_images
    BEGIN DELETE FROM afterimage_facts WHERE image_id = OLD.image_id; END;
  PRAGMA user_version = ${version}`

/**
 * Refuses a database that we must not touch: damaged, or with tables of a newer Afterimage. Changes nothing.
 * Throws SQLite's own errors for what is no database at all.
 */
export function inspect(db: Database.Database): void {
  const problems = db.pragma('quick_check(1)', { simple: true })
  if (problems !== 'ok') throw Object.assign(new Error(String(problems)), { code: 'SQLITE_CORRUPT' })
  const found = schemaVersion(db)
  if (found < 0 || found > version) {
    throw new Error(
      `its tables have version ${found}, this Afterimage knows ${version}: start the version that wrote it, or name another image_cache_sqlite_db`,
    )
  }
}

/** Adds what is missing; safe beside another process that does the same. Throws SQLITE_BUSY while it cannot begin. */
export function migrate(db: Database.Database): void {
  db.transaction(() => {
    db.exec(glanceTable)
    if (schemaVersion(db) === 0) db.exec(ours)
  }).immediate()
}

const schemaVersion = (db: Database.Database): number => Number(db.pragma('user_version', { simple: true }))
