import { getSystemErrorMap } from 'node:util'

/** A read of a file failed. `code` is the system's (`EIO`, `EBADF` …), `EOF` where the file ends too early. */
export class FileReadFailed extends Error {
  readonly code: string
  /** Negative, as libuv gives it. */
  readonly errno: number
  constructor(errno: number, fd: number, position: number) {
    const [code, reason] = getSystemErrorMap().get(errno) ?? ['EIO', `error ${errno}`]
    super(`${code}: ${reason}, read of descriptor ${fd} at ${position}`)
    this.name = 'FileReadFailed'
    this.code = code
    this.errno = errno
  }
}

/** The file is shorter than the reader was told. */
export const endOfFile = -4095
