import { type Stats, utimesSync } from 'node:fs'

/** A file's time in whole Unix milliseconds: Node sets times as doubles of seconds, which come out some 100 ns early. */
export const accessedAt = (stats: Stats): number => Math.round(stats.atimeMs)
export const modifiedAt = (stats: Stats): number => Math.round(stats.mtimeMs)

/**
 * Sets the access time in Unix milliseconds and keeps the modification time, which can only be set together with it.
 * A whole second is kept exactly. Of a time that Glance left, the fraction is cut off, once: a double cannot hold it,
 * and putting back what it does hold would move the time a little further at every hit.
 */
export function setAccessedAt(path: string, stats: Stats, at: number): void {
  utimesSync(path, at / 1000, Math.floor(stats.mtimeMs / 1000))
}
