import { setTimeout as delay } from 'node:timers/promises'
import { codeOf } from './thread-call.ts'

/**
 * What `attempt` gives, tried again every few milliseconds while another process holds the database, for `boundMs` at
 * most; then the last SQLITE_BUSY is thrown. For connections with `timeout: 0`: SQLite's own waiting sleeps in the
 * calling thread, and does not cover every case (changing the journal mode, an outdated snapshot).
 */
export async function whenFree<T>(boundMs: number, attempt: () => T): Promise<T> {
  const end = performance.now() + boundMs
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (!isBusy(error) || performance.now() >= end) throw error
    }
    await delay(1 + Math.random() * 9)
  }
}

/** Another connection holds a lock that is needed: worth trying again. */
export const isBusy = (error: unknown): boolean => codeOf(error)?.startsWith('SQLITE_BUSY') ?? false
