import type Database from 'better-sqlite3'
import type { Facts, NewEntry } from './driver.ts'
import { decodeFacts, encodeFacts, sameFacts } from './facts-record.ts'

/**
 * Every change of the database, for the one thread that writes. Each is one step of that thread's transaction. Times
 * become Unix seconds here, as Glance keeps them.
 */
export function writesOf(db: Database.Database) {
  const setFacts = db.prepare<[id: string, facts: string]>(`
    INSERT INTO afterimage_facts (image_id, facts) VALUES (?, ?)
    ON CONFLICT (image_id) DO UPDATE SET facts = excluded.facts`)

  const factsOf = db
    .prepare<[id: string], string | null>(`
      SELECT f.facts FROM cached_images LEFT JOIN afterimage_facts AS f USING (image_id) WHERE image_id = ?`)
    .pluck()

  const setEntry = db.prepare<[id: string, accessed: number, modified: number, size: number, hits: number]>(`
    INSERT INTO cached_images (image_id, last_accessed, last_modified, size, hits) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (image_id) DO UPDATE SET last_accessed = excluded.last_accessed,
      last_modified = excluded.last_modified, size = excluded.size, hits = excluded.hits, checksum = NULL`)

  const setAll = db.prepare<[id: string, facts: string | null, pinned: number]>(`
    INSERT INTO afterimage_facts (image_id, facts, pinned) VALUES (?, ?, ?)
    ON CONFLICT (image_id) DO UPDATE SET facts = excluded.facts, pinned = excluded.pinned`)

  const addHit = db.prepare<[hits: number, at: number, id: string]>(
    'UPDATE cached_images SET hits = hits + ?, last_accessed = MAX(last_accessed, ?) WHERE image_id = ?',
  )

  const setPin = db.prepare<[pinned: number, id: string]>(`
    INSERT INTO afterimage_facts (image_id, pinned) SELECT image_id, ? FROM cached_images WHERE image_id = ?
    ON CONFLICT (image_id) DO UPDATE SET pinned = excluded.pinned`)

  const removeEntry = db.prepare<[id: string]>('DELETE FROM cached_images WHERE image_id = ?')
  const removeFacts = db.prepare<[id: string]>('DELETE FROM afterimage_facts WHERE image_id = ?')

  return {
    prepare(id: string, facts: string): void {
      setFacts.run(id, facts)
    },

    replaceFacts(id: string, known: Facts | undefined, facts: Facts): boolean {
      const text = factsOf.get(id)
      // undefined: there is no such image; null: there are no facts about it.
      if (text === undefined || !sameFacts(decodeFacts(text), known)) return false
      setFacts.run(id, encodeFacts(facts))
      return true
    },

    admit(id: string, { size, modifiedAt, facts, hits = 0, accessedAt = Date.now(), pinned = false }: NewEntry): void {
      setEntry.run(id, accessedAt / 1000, modifiedAt / 1000, size, hits)
      setAll.run(id, facts === undefined ? null : encodeFacts(facts), pinned ? 1 : 0)
    },

    touch(id: string, at: number, hits = 1): void {
      addHit.run(hits, at / 1000, id)
    },

    pin: (id: string, pinned: boolean): boolean => setPin.run(pinned ? 1 : 0, id).changes > 0,

    forget(id: string): void {
      removeEntry.run(id)
      removeFacts.run(id)
    },
  }
}
