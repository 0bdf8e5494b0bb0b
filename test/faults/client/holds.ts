import { type TestContext, test } from 'node:test'
import fc, { type IAsyncProperty, type IProperty } from 'fast-check'
import { seed, sized } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'

type Property<T> = IProperty<T> | IAsyncProperty<T>

/**
 * A test that a property holds for random input, more of it in a whole run. `what` is read; `input` is what it is given. What needs a
 * directory of its own is made with the test's context.
 * `promise` says in a few words what the reader of it sees.
 */
export function holds<T>(
  what: string,
  input: string,
  promise: string,
  property: Property<T> | ((t: TestContext) => Promise<Property<T>>),
  runs: Readonly<{ whole: number; sampled: number }> = { whole: 5000, sampled: 100 },
): void {
  test(`${what}: ${input}: ${promise}`, async (t) => {
    await fc.assert(typeof property === 'function' ? await property(t) : property, {
      seed,
      numRuns: sized(runs.whole, runs.sampled),
    })
    saw({ area: 'client', step: `reading ${what}`, fault: input, driver: 'any', client: promise, disk: 'nothing' })
  })
}

/** Text made of pieces that mean something to a parser, and of others that mean nothing. */
export const textOf = (pieces: readonly string[], most = 12): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...pieces) }, { weight: 1, arbitrary: junk }), {
      maxLength: most,
    })
    .map((parts) => parts.join(''))

/** Anything that a JavaScript string can hold, lone surrogates included. */
export const junk: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
)

/** An object as a literal makes it. */
export const plainRecord = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true })
