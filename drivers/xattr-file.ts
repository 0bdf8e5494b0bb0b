import { lstatSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { Facts, ImageEntry, NewEntry } from './driver.ts'
import { decodeFacts, encodeFacts, sameFacts } from './facts-record.ts'
import { codeOf } from './thread-call.ts'
import {
  attributesOf,
  factsAttribute,
  hitsAttribute,
  pinnedAttribute,
  readAttribute,
  replaceAttribute,
  writeAttribute,
} from './xattr-attributes.ts'
import type { openLock } from './xattr-lock.ts'
import { couldBeImage } from './xattr-names.ts'
import { accessedAt, modifiedAt, setAccessedAt } from './xattr-times.ts'

/**
 * What one file in `dir` says about its image, and how it is changed. All synchronous: within a process no two of
 * these overlap. A file that vanishes in the middle counts as one that was never there.
 */
export function filesIn(dir: string, lock: ReturnType<typeof openLock>) {
  const change = <T>(id: string, work: (path: string, stats: Stats) => T): T | undefined =>
    lock.hold(() =>
      unlessGone(() => {
        const stats = statsOf(dir, id)
        return stats && work(join(dir, id), stats)
      }),
    )

  const get = (id: string): ImageEntry | undefined =>
    unlessGone(() => {
      const stats = statsOf(dir, id)
      if (stats === undefined) return undefined
      const read = attributesOf(join(dir, id))
      return {
        id,
        size: stats.size,
        hits: hitsIn(read(hitsAttribute)),
        accessedAt: accessedAt(stats),
        modifiedAt: modifiedAt(stats),
        pinned: read(pinnedAttribute) !== undefined,
        facts: decodeFacts(read(factsAttribute)),
      }
    })

  return {
    get,

    /** Those of the images that are still there. */
    entries: (ids: readonly string[]): ImageEntry[] => ids.map(get).filter((entry) => entry !== undefined),

    factsOf: (id: string): Facts | undefined => get(id)?.facts,

    /** On a file that is not an image yet. Glance counts hits only where the attribute is there already. */
    prepare(_id: string, path: string, facts: Facts): void {
      lock.hold(() => {
        writeAttribute(path, factsAttribute, encodeFacts(facts))
        if (readAttribute(path, hitsAttribute) === undefined) writeAttribute(path, hitsAttribute, '0')
      })
    },

    replaceFacts(id: string, known: Facts | undefined, facts: Facts): boolean {
      const done = change(id, (path, stats) => {
        if (stats.ino !== facts.inode) return false
        if (!sameFacts(decodeFacts(readAttribute(path, factsAttribute)), known)) return false
        writeAttribute(path, factsAttribute, encodeFacts(facts))
        return true
      })
      return done ?? false
    },

    admit(id: string, entry: NewEntry): void {
      change(id, (path, stats) => {
        writeAttribute(path, hitsAttribute, String(entry.hits ?? 0))
        replaceAttribute(path, factsAttribute, entry.facts && encodeFacts(entry.facts))
        replaceAttribute(path, pinnedAttribute, entry.pinned ? '1' : undefined)
        setAccessedAt(path, stats, entry.accessedAt ?? Date.now())
      })
    },

    touch(id: string, at: number, hits = 1): void {
      change(id, (path, stats) => {
        writeAttribute(path, hitsAttribute, String(hitsOf(path) + hits))
        if (at > accessedAt(stats)) setAccessedAt(path, stats, at)
      })
    },

    pin(id: string, pinned: boolean): boolean {
      const done = change(id, (path) => {
        replaceAttribute(path, pinnedAttribute, pinned ? '1' : undefined)
        return true
      })
      return done ?? false
    },

    /** Glance cannot do without its attribute, see xattr-attributes.ts. */
    giveUp(id: string): void {
      change(id, (path) => {
        writeAttribute(path, hitsAttribute, '0')
        replaceAttribute(path, factsAttribute, undefined)
        replaceAttribute(path, pinnedAttribute, undefined)
      })
    },

    /** The file has taken everything with it. */
    forget(_id: string): void {},
  }
}

/** Only what can be an image: a regular file (no link) of a likely name. */
export function statsOf(dir: string, name: string): Stats | undefined {
  const stats = couldBeImage(name) ? lstatSync(join(dir, name), { throwIfNoEntry: false }) : undefined
  return stats?.isFile() ? stats : undefined
}

const hitsOf = (path: string): number => hitsIn(readAttribute(path, hitsAttribute))

const hitsIn = (text: string | undefined): number => Number.parseInt(text ?? '0', 10) || 0

function unlessGone<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
