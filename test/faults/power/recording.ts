import { dirname } from 'node:path'
import { bytesOf, type Call, textOf } from './calls.ts'

/** When something was begun, and when it was done: places in the order of all calls. */
export type Span = Readonly<{ start: number; end: number }>

/** What happened to one file, apart from its names. */
export type Change = Span &
  (
    | Readonly<{ kind: 'write'; at: number; bytes: Buffer }>
    | Readonly<{ kind: 'size'; size: number }>
    | Readonly<{ kind: 'attribute'; name: string; value: Buffer | undefined }>
    | Readonly<{ kind: 'times'; accessed: number; modified: number }>
  )

/** A file or a directory, whatever names it has or had. */
export interface Inode {
  readonly number: number
  readonly isDirectory: boolean
  readonly changes: Change[]
  /** fsync is of everything, fdatasync of bytes and length. */
  readonly syncs: Array<Span & Readonly<{ isWhole: boolean }>>
}

/** A name that came to mean another file, or none. A rename is two that happen together. */
export type Edit = Readonly<{ directory: Inode; name: string; inode: Inode | undefined }>
export type NameChange = Span & Readonly<{ edits: readonly [Edit, ...Edit[]]; path: string; from: string | undefined }>

/** A line of the log: from its end on, somebody may rely on it. */
export type Told = Span & Readonly<{ line: string }>

type Open = { inode: Inode; position: number; append: boolean }

/**
 * What the calls of one server after another did to a directory that was empty before. Places are those of the calls;
 * paths are relative to the directory.
 */
export class Recording {
  readonly root: Inode
  readonly inodes: Inode[] = []
  readonly names: NameChange[] = []
  readonly told: Told[] = []
  /** Where each life of a server began. */
  readonly lives: number[] = []
  readonly #dir: string
  readonly #entries = new Map<Inode, Map<string, Inode>>()
  #open = new Map<number, Open>()

  constructor(dir: string) {
    this.#dir = dir
    this.root = this.#inode(true)
  }

  /** The file that has this path at the end of what was added so far. */
  at(path: string): Inode | undefined {
    if (path === '') return this.root
    const directory = this.at(dirOf(path))
    return directory && this.#entries.get(directory)?.get(nameOf(path))
  }

  /** One life of a server; calls in the order in which they ended. */
  add(calls: readonly Call[]): void {
    this.#open = new Map()
    this.lives.push(Math.min(...calls.map(({ start }) => start)))
    // A descriptor is free as soon as its close has begun: the next open may get its number before that returns.
    const moments = calls.map((call) => ({ call, at: call.name === 'close' ? call.start : call.end }))
    for (const { call } of moments.sort((a, b) => a.at - b.at)) if (!(call.result < 0)) this.#take(call)
  }

  #take(call: Call): void {
    const { name, args } = call
    const fd = Number(args[0])
    const file = this.#open.get(fd)
    const [first, second] = [this.#path(args[0]), this.#path(args[1])]
    if (name === 'openat') this.#opened(call)
    else if (name === 'close') this.#open.delete(fd)
    else if (name === 'write' && fd === 1) this.#said(call)
    else if (name === 'write') this.#wrote(call, file, file?.position ?? 0)
    else if (name === 'pwrite64') this.#wrote(call, file, Number(args[3]))
    else if (name === 'ftruncate') this.#change(file?.inode, call, { kind: 'size', size: Number(args[1]) })
    else if (/^f(data)?sync$/.test(name)) file?.inode.syncs.push({ ...span(call), isWhole: name === 'fsync' })
    else if (name === 'mkdir') this.#named(call, first, () => this.#inode(true))
    else if (name === 'unlink' || name === 'rmdir') this.#removed(call, first)
    else if (name === 'rename') this.#renamed(call, first, second)
    else if (/^l?setxattr$/.test(name)) this.#attribute(call, bytesOf(args[2]))
    else if (/^l?removexattr$/.test(name)) this.#attribute(call, undefined)
    else if (name === 'utimensat') this.#touched(call, second)
    else this.#refuse(call, file)
  }

  /** What this recording does not understand must not have touched the directory. */
  #refuse({ name, args }: Call, file: Open | undefined): void {
    if (file !== undefined || args.some((arg) => this.#path(arg) !== undefined)) {
      throw new Error(`${name}(${args.join(', ').slice(0, 200)}) is not understood`)
    }
  }

  #opened(call: Call): void {
    const { args, result } = call
    const path = this.#path(args[1])
    const flags = args[2] ?? ''
    if (path === undefined) return
    if (this.at(path) === undefined && flags.includes('O_CREAT')) this.#named(call, path, () => this.#inode(false))
    const inode = this.at(path)
    if (inode === undefined) throw new Error(`${path} was opened and is not known`)
    if (flags.includes('O_TRUNC')) this.#change(inode, call, { kind: 'size', size: 0 })
    this.#open.set(result, { inode, position: 0, append: flags.includes('O_APPEND') })
  }

  #wrote(call: Call, file: Open | undefined, at: number): void {
    if (file === undefined) return
    const bytes = bytesOf(call.args[1])
    // A call that did not return may have written all of it.
    const written = Number.isNaN(call.result) ? bytes : bytes.subarray(0, call.result)
    if (file.append) throw new Error('a file that is appended to was written')
    if (call.name === 'write') file.position = at + written.length
    this.#change(file.inode, call, { kind: 'write', at, bytes: written })
  }

  #said(call: Call): void {
    for (const line of bytesOf(call.args[1]).toString().split('\n')) {
      if (line !== '') this.told.push({ ...span(call), line })
    }
  }

  #touched(call: Call, path: string | undefined): void {
    const found = [...call.args.join(', ').matchAll(/tv_sec=(\d+), tv_nsec=(\d+)/g)]
    const [accessed, modified] = found.map(([, seconds, rest]) => Number(seconds) + Number(rest) / 1e9)
    if (path === undefined) return
    if (accessed === undefined || modified === undefined) throw new Error('utimensat without both times')
    this.#change(this.at(path), call, { kind: 'times', accessed, modified })
  }

  #attribute(call: Call, value: Buffer | undefined): void {
    const path = this.#path(call.args[0])
    if (path !== undefined)
      this.#change(this.at(path), call, { kind: 'attribute', name: textOf(call.args[1]) ?? '', value })
  }

  #change(inode: Inode | undefined, call: Call, what: Omitted): void {
    inode?.changes.push({ ...span(call), ...what })
  }

  #named(call: Call, path: string | undefined, make: () => Inode): void {
    if (path === undefined || path === '' || this.at(path) !== undefined) return
    this.#edit(call, path, undefined, [{ ...this.#place(path), inode: make() }])
  }

  #removed(call: Call, path: string | undefined): void {
    // A socket is made by no call that is recorded.
    if (path === undefined || this.at(path) === undefined) return
    this.#edit(call, path, undefined, [{ ...this.#place(path), inode: undefined }])
  }

  #renamed(call: Call, from: string | undefined, to: string | undefined): void {
    const inode = from === undefined ? undefined : this.at(from)
    if (from === undefined || to === undefined || inode === undefined) return
    const gone = { ...this.#place(from), inode: undefined }
    this.#edit(call, to, from, [{ ...this.#place(to), inode }, gone])
  }

  #edit(call: Call, path: string, from: string | undefined, edits: NameChange['edits']): void {
    this.names.push({ ...span(call), edits, path, from })
    for (const { directory, name, inode } of edits) {
      const entries = this.#entries.get(directory) ?? new Map<string, Inode>()
      if (inode === undefined) entries.delete(name)
      else entries.set(name, inode)
      this.#entries.set(directory, entries)
    }
  }

  #place(path: string): Readonly<{ directory: Inode; name: string }> {
    const directory = this.at(dirOf(path))
    if (directory === undefined) throw new Error(`the directory of ${path} is not known`)
    return { directory, name: nameOf(path) }
  }

  #inode(isDirectory: boolean): Inode {
    const inode = { number: this.inodes.length, isDirectory, changes: [], syncs: [] }
    this.inodes.push(inode)
    return inode
  }

  /** Relative to the directory; undefined for what lies elsewhere or is no path. */
  #path(printed: string | undefined): string | undefined {
    if (printed?.startsWith('"') !== true || printed.endsWith('...')) return undefined
    const path = textOf(printed) ?? ''
    if (path === this.#dir) return ''
    return path.startsWith(`${this.#dir}/`) ? path.slice(this.#dir.length + 1) : undefined
  }
}

type Omitted = Change extends infer C ? (C extends Change ? Omit<C, keyof Span> : never) : never

const span = ({ start, end }: Call): Span => ({ start, end })
const dirOf = (path: string): string => (dirname(path) === '.' ? '' : dirname(path))
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
