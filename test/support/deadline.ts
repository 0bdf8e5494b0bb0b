import { setTimeout as delay } from 'node:timers/promises'

/** What `promise` gives; rejects, naming `label`, when that takes longer than `ms`. */
export async function deadline<T>(promise: PromiseLike<T>, label: string, ms = 10_000): Promise<T> {
  const late = Promise.withResolvers<never>()
  // Made here and not in the callback, so that its stack points to the test that waits.
  const error = new Error(`deadline of ${ms} ms passed: ${label}`)
  const timer = setTimeout(() => late.reject(error), ms)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Resolves once `check` says true, asked every 10 ms; rejects, naming `label`, when it has not for `ms`. */
export async function eventually(check: () => boolean | Promise<boolean>, label: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await deadline(Promise.resolve(check()), label, Math.max(1, end - performance.now())))) {
    if (performance.now() >= end) throw new Error(`not within ${ms} ms: ${label}`)
    await delay(10)
  }
}
