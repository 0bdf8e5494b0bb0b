import { setTimeout as delay } from 'node:timers/promises'

/** Asks again until there is an answer. Rejects with `what` when there is none in time. */
export async function eventually<T>(
  what: string,
  seconds: number,
  probe: () => Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const found = await probe()
    if (found !== undefined && found !== false) return found
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`)
    await delay(20)
  }
}

/** Rejects with `what` when the promise takes longer. */
export async function within<T>(what: string, seconds: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`${what}: not within ${seconds} s`)), seconds * 1000)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
