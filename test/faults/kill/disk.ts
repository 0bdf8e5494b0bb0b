import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const isId = (name: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name)

/** Names that may stand beside the images. */
const others = /^(incomplete|invalid|queue|\.afterimage|cache\.db(-wal|-shm|-journal)?)$/

/** What lies in a cache directory, looked at without its server. */
export class Disk {
  readonly dir: string
  /** Images whose place was claimed, and nothing written yet, when the last server went. */
  #claimed: ReadonlySet<string> = new Set()
  /** Files that were read and found right: what has not changed since need not be read again. */
  readonly #proven = new Map<string, string>()

  constructor(dir: string) {
    this.dir = dir
  }

  committed(): string[] {
    return readdirSync(this.dir).filter(isId).sort()
  }

  names(place: 'incomplete' | 'invalid' | 'queue' | '.afterimage/fills'): string[] {
    return readdirSync(join(this.dir, place)).sort()
  }

  size(id: string): number | undefined {
    return lstatSync(join(this.dir, id), { throwIfNoEntry: false })?.size
  }

  /** MD5 of a committed file; undefined when it has gone. */
  md5(id: string): string | undefined {
    const path = join(this.dir, id)
    const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true })
    if (stats === undefined) return undefined
    const key = `${id} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`
    const known = this.#proven.get(key)
    if (known !== undefined) return known
    const md5 = createHash('md5').update(readFileSync(path)).digest('hex')
    this.#proven.set(key, md5)
    return md5
  }

  /** A server is about to be started. */
  beforeStart(): void {
    if (!existsSync(join(this.dir, 'incomplete'))) return
    const isEmpty = (id: string) => lstatSync(join(this.dir, 'incomplete', id), { throwIfNoEntry: false })?.size === 0
    this.#claimed = new Set(this.names('incomplete').filter(isEmpty))
  }

  /** What should not be there while no server is at work but for what it may have begun by itself. */
  unexplained(): string[] {
    const strange = readdirSync(this.dir).filter((name) => !isId(name) && !others.test(name))
    const found = strange.map((name) => `${name} in the cache directory`)
    for (const name of this.names('incomplete')) {
      if (!isId(name)) found.push(`incomplete/${name}`)
      else if (!this.#isExplained(name)) found.push(`incomplete/${name} without a record of its own`)
    }
    for (const name of this.names('.afterimage/fills')) {
      if (!isId(name)) found.push(`a record's draft ${name}`)
      // Whoever counts bytes takes an empty file that nobody owns; its record goes with the next clean.
      else if (!existsSync(join(this.dir, 'incomplete', name)) && !this.#claimed.has(name)) {
        found.push(`a record of no file, ${name}`)
      }
    }
    for (const name of this.names('queue')) if (!isId(name)) found.push(`queue/${name}`)
    return found
  }

  /** Empty: whoever claimed it was killed before it could say what for. Otherwise its record is of this very file. */
  #isExplained(id: string): boolean {
    const stats = lstatSync(join(this.dir, 'incomplete', id), { throwIfNoEntry: false })
    if (stats === undefined || stats.size === 0) return true
    const record = join(this.dir, '.afterimage/fills', id)
    if (!existsSync(record)) return false
    const facts: { inode?: unknown; size?: unknown } = JSON.parse(readFileSync(record, 'latin1').split('\n')[1] ?? '{}')
    return facts.inode === stats.ino && typeof facts.size === 'number' && stats.size <= facts.size
  }
}
