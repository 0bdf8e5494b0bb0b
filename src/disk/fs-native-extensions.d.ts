declare module 'fs-native-extensions' {
  interface LockOptions {
    shared?: boolean
  }
  /** Open-file-description lock on the whole file; false when another description holds one that conflicts. */
  export function tryLock(fd: number, options?: LockOptions): boolean
  /** The same on `length` bytes from `offset`, which need not be there. */
  export function tryLock(fd: number, offset: number, length: number): boolean
  /** Turns an exclusive lock into a shared one. */
  export function tryDowngradeLock(fd: number): boolean
  export function unlock(fd: number, offset?: number, length?: number): void
}
