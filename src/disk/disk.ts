import * as fs from 'node:fs'
import * as promises from 'node:fs/promises'
import { promisify } from 'node:util'
import * as locks from 'fs-native-extensions'

export type { Stats } from 'node:fs'
export { constants } from 'node:fs'
export type { FileHandle } from 'node:fs/promises'

/**
 * Every operation on files of the cache, by the names that Node has for them; what is opened brings its own
 * (`FileHandle`). Nobody else in the cache asks the system for files, so that one place decides what becomes of each:
 * a test that replaces them sees every single one, and can have any of them fail.
 */
const system = {
  chmod: promises.chmod,
  lstat: promises.lstat,
  mkdir: promises.mkdir,
  open: promises.open,
  opendir: promises.opendir,
  readdir: promises.readdir,
  readFile: promises.readFile,
  rename: promises.rename,
  rm: promises.rm,
  stat: promises.stat,
  statfs: promises.statfs,
  unlink: promises.unlink,
  utimes: promises.utimes,
  writeFile: promises.writeFile,

  // By descriptor: what several threads share, or what must make no garbage.
  closeSync: fs.closeSync,
  fstatSync: fs.fstatSync,
  ftruncate: promisify(fs.ftruncate),
  read: fs.read,
  readSync: fs.readSync,
  write: promisify(fs.write),

  openSync: fs.openSync,
  readFileSync: fs.readFileSync,
  readlinkSync: fs.readlinkSync,
  statSync: fs.statSync,
  watch: fs.watch,

  tryLock: locks.tryLock,
  tryDowngradeLock: locks.tryDowngradeLock,
  unlock: locks.unlock,
}

export type Disk = typeof system

// Live bindings: whoever imports one of them has it at no cost, and has the other one from the moment it is replaced.
export let {
  chmod,
  lstat,
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  unlink,
  utimes,
  writeFile,
  closeSync,
  fstatSync,
  ftruncate,
  read,
  readSync,
  write,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
  watch,
  tryLock,
  tryDowngradeLock,
  unlock,
} = system

/**
 * For tests only: from now on these are used in this thread, by everybody and for everything. `replace` is given what
 * the system has.
 */
export function replaceDisk(replace: (system: Readonly<Disk>) => Disk): void {
  ;({
    chmod,
    lstat,
    mkdir,
    open,
    opendir,
    readdir,
    readFile,
    rename,
    rm,
    stat,
    statfs,
    unlink,
    utimes,
    writeFile,
    closeSync,
    fstatSync,
    ftruncate,
    read,
    readSync,
    write,
    openSync,
    readFileSync,
    readlinkSync,
    statSync,
    watch,
    tryLock,
    tryDowngradeLock,
    unlock,
  } = replace(system))
}
