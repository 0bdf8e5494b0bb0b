import type Database from 'better-sqlite3'

/** Version of our own tables, kept in `user_version`. Glance leaves that at 0. Version 1 had no totals. */
const version = 2

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
 * What Glance has no place for; it never looks at these names. Thanks to the index a page of the list costs the same
 * however many images there are. A row of ours may come before the image's (prepared facts), but goes with it, whoever
 * deletes that: a pin must not come back with another program's next download.
 */
const ours = `
  CREATE TABLE IF NOT EXISTS afterimage_facts
    (image_id TEXT PRIMARY KEY, facts TEXT, pinned INTEGER NOT NULL DEFAULT 0);
  CREATE INDEX IF NOT EXISTS afterimage_by_access ON cached_images (last_accessed, image_id);
  CREATE TRIGGER IF NOT EXISTS afterimage_forget AFTER DELETE ON cached_images
    BEGIN DELETE FROM afterimage_facts WHERE image_id = OLD.image_id; END;`

/**
 * One row with the number and the sizes of all images, so that each fill need not add them up. The database keeps it
 * by itself, in the same transaction, for Glance's changes as for ours; a hit changes no size, and costs nothing.
 */
const totals = `
  DROP INDEX IF EXISTS afterimage_sizes;
  CREATE TABLE IF NOT EXISTS afterimage_totals (count INTEGER NOT NULL, size INTEGER NOT NULL);
  INSERT INTO afterimage_totals SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM afterimage_totals);
  CREATE TRIGGER IF NOT EXISTS afterimage_added AFTER INSERT ON cached_images
    BEGIN UPDATE afterimage_totals SET count = count + 1, size = size + IFNULL(NEW.size, 0); END;
  CREATE TRIGGER IF NOT EXISTS afterimage_resized AFTER UPDATE OF size ON cached_images
    BEGIN UPDATE afterimage_totals SET size = size + IFNULL(NEW.size, 0) - IFNULL(OLD.size, 0); END;
  CREATE TRIGGER IF NOT EXISTS afterimage_removed AFTER DELETE ON cached_images
    BEGIN UPDATE afterimage_totals SET count = count - 1, size = size - IFNULL(OLD.size, 0); END;
  PRAGMA user_version = ${version}`

/** At every start: a REPLACE by another program's hand removes a row without running the trigger for it. */
const recount = `
  UPDATE afterimage_totals SET count = real.count, size = real.size
  FROM (SELECT COUNT(*) AS count, IFNULL(SUM(size), 0) AS size FROM cached_images) AS real
  WHERE afterimage_totals.count <> real.count OR afterimage_totals.size <> real.size`

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

/** Adds what is missing, and counts anew; safe beside another process that does the same. Throws SQLITE_BUSY while it cannot begin. */
export function migrate(db: Database.Database): void {
  db.transaction(() => {
    db.exec(glanceTable)
    if (schemaVersion(db) < 1) db.exec(ours)
    if (schemaVersion(db) < 2) db.exec(totals)
    db.exec(recount)
  }).immediate()
}

const schemaVersion = (db: Database.Database): number => Number(db.pragma('user_version', { simple: true }))
