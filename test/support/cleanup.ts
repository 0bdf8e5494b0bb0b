import type { TestContext } from 'node:test'

const pending = new WeakMap<TestContext, (() => unknown)[]>()

/**
 * Undoes something when the test has ended, the last first: what was opened in a directory is closed before the
 * directory goes. (node:test itself runs its `after` hooks in the order in which they were added.)
 */
export function cleanup(t: TestContext, undo: () => unknown): void {
  const known = pending.get(t)
  if (known !== undefined) {
    known.push(undo)
    return
  }
  const stack = [undo]
  pending.set(t, stack)
  t.after(async () => {
    const failures: unknown[] = []
    for (const next of stack.reverse()) {
      try {
        await next()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  })
}
