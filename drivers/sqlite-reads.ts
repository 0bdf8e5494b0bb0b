import type Database from 'better-sqlite3'
import type { Facts, ImageEntry, Totals } from './driver.ts'
import { decodeFacts } from './facts-record.ts'
import type { Page } from './pages.ts'

/** Where a page of the list ended: SQLite's own values, so that the next one begins exactly behind it. */
export type Cursor = Readonly<{ accessed: number; id: string }>

export type Size = Readonly<{ id: string; size: number }>

type Row = Readonly<{
  id: string
  size: number
  hits: number
  accessed: number
  modified: number
  facts: string | null
  pinned: number | null
}>

const columns = `
  SELECT c.image_id AS id, c.size, c.hits, c.last_accessed AS accessed, c.last_modified AS modified, f.facts, f.pinned
  FROM cached_images AS c LEFT JOIN afterimage_facts AS f USING (image_id)`

const pageRows = 250
/** Rows of two fields, without what is ours. */
const pageSizes = 2000

/** Every question to the database. Each is one short statement: they run on the event loop. */
export function readsOf(db: Database.Database) {
  const one = db.prepare<[id: string], Row>(`${columns} WHERE c.image_id = ?`)
  const first = db.prepare<[most: number], Row>(`${columns} ORDER BY c.last_accessed, c.image_id LIMIT ?`)
  const next = db.prepare<[accessed: number, id: string, most: number], Row>(`${columns}
    WHERE (c.last_accessed, c.image_id) > (?, ?) ORDER BY c.last_accessed, c.image_id LIMIT ?`)
  const firstById = db.prepare<[], Row>(`${columns} ORDER BY c.image_id LIMIT ${pageRows}`)
  const nextById = db.prepare<[id: string], Row>(
    `${columns} WHERE c.image_id > ? ORDER BY c.image_id LIMIT ${pageRows}`,
  )
  const sizes = db.prepare<[id: string], Size>(
    `SELECT image_id AS id, size FROM cached_images WHERE image_id > ? ORDER BY image_id LIMIT ${pageSizes}`,
  )
  const facts = db.prepare<[id: string], string | null>('SELECT facts FROM afterimage_facts WHERE image_id = ?').pluck()
  const sums = db.prepare<[], Totals>('SELECT count, size FROM afterimage_totals')

  return {
    entry(id: string): ImageEntry | undefined {
      const row = one.get(id)
      return row && entryOf(row)
    },

    /** Least recently accessed first. */
    page(after: Cursor | undefined, most: number): Page<Cursor> {
      const rows = after === undefined ? first.all(most) : next.all(after.accessed, after.id, most)
      const last = rows.length === most ? rows.at(-1) : undefined
      return { entries: rows.map(entryOf), next: last && { accessed: last.accessed, id: last.id } }
    },

    /** Those behind this id, in the order of ids; fewer than a page only at the end. */
    pageById(after: string | undefined): ImageEntry[] {
      return (after === undefined ? firstById.all() : nextById.all(after)).map(entryOf)
    },

    /** Those behind this id, in the order of ids; none at the end. No id comes before ''. */
    sizes: (after: string): Size[] => sizes.all(after),

    facts: (id: string): Facts | undefined => decodeFacts(facts.get(id)),

    totals: (): Totals => sums.get() ?? { count: 0, size: 0 },
  }
}

/** Unix seconds become milliseconds: whole ones, because Glance's clock counts microseconds. */
const entryOf = ({ id, size, hits, accessed, modified, facts, pinned }: Row): ImageEntry => ({
  id,
  size,
  hits,
  accessedAt: Math.round(accessed * 1000),
  modifiedAt: Math.round(modified * 1000),
  pinned: pinned === 1,
  facts: decodeFacts(facts),
})
