declare module 'fs-native-extensions' {
  interface LockOptions {
    shared?: boolean
  }
  /** Open-file-description lock on the whole file; false when another description holds one that conflicts. */
  export function tryLock(fd: number, options?: LockOptions): boolean
  /** Turns an exclusive lock into a shared one. */
  export function tryDowngradeLock(fd: number): boolean
  export function unlock(fd: number): void
}
