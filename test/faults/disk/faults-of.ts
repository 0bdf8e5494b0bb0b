import type { DiskFault } from './seam/plan.ts'

/** Operations that change what is on the disk, or what a restart finds there. */
const changes =
  /^(open|mkdir|write|writeFile|truncate|rename|unlink|rm|utimes|sync|datasync|chmod|set attribute|remove attribute|database: (?!SELECT|PRAGMA (quick_check|user_version)))/

/** Those that need room: no space, or the quota used up. */
const grows =
  /^(open|mkdir|write|writeFile|truncate|rename|sync|datasync|set attribute|database: (INSERT|UPDATE|COMMIT|CREATE))/

/** Those that go by a name, or are about one: somebody changed the rights. */
const named =
  /^(open|mkdir|rename|unlink|rm|readdir|opendir|stat|lstat|utimes|readFile|writeFile|set attribute|read attribute|list attributes|database: (BEGIN|INSERT|DELETE|UPDATE))/

/** Steps after which nothing is as before: what comes next is not told from them by how often it is reached. */
const turns = /^(rename|unlink|rm|set attribute|database: COMMIT)/

/** An operation of a scenario; `isNew`: it is the first of its words there, and no fill by itself says them. */
export type Met = Readonly<{ words: string; nth: number; isFill: boolean; isNew: boolean }>

/**
 * The ways in which an operation can fail: each one with EIO, and with a short write. The other errors take the same
 * ways through the program, so they are for the first of its words, and no quota beside no space for a fill only.
 */
export function errorsOf({ words, nth, isFill, isNew }: Met): DiskFault[] {
  const errors: DiskFault[] = ['EIO']
  if (/^write /.test(words)) errors.push('short write')
  if (nth > 1 || !(isFill || isNew)) return errors
  if (grows.test(words)) errors.push('ENOSPC')
  if (grows.test(words) && isFill) errors.push('EDQUOT')
  if (named.test(words)) errors.push('EACCES')
  return errors
}

/** To be killed at any other operation leaves what it leaves at the change before it. */
export function killsOf({ words, isFill, isNew }: Met): DiskFault[] {
  if (!changes.test(words)) return []
  const isBoth = turns.test(words) && (isFill || isNew)
  return isBoth ? ['kill -9 before it', 'kill -9 after it'] : ['kill -9 before it']
}
