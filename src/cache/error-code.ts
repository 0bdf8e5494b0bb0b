/** The system's error code (`ENOENT`, `ENOSPC` …) of a failed call, undefined for anything else. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

export const isAbsent = (error: unknown): boolean => errorCode(error) === 'ENOENT'
