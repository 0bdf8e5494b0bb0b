import { seededRandom } from '../../support/seeded-random.ts'

/** Only a part of the cases is to run: `npm run faults -- --sample`. */
export const isSample = process.env.FAULTS_SAMPLE === '1'

/** Of everything random here. Another one: `npm run faults -- --seed N`. */
export const seed = Number(process.env.FAULTS_SEED ?? 1)

/** `whole` in a whole run, `sampled` in a sampled one: rounds, seconds. */
export const sized = (whole: number, sampled: number): number => (isSample ? sampled : whole)

/** All cases, or in a sampled run `count` of them, chosen by the seed and in their old order. */
export function sample<T>(cases: readonly T[], count: number): T[] {
  if (!isSample || cases.length <= count) return [...cases]
  const random = seededRandom(seed * 7919 + cases.length)
  const left = cases.map((_, index) => index)
  const chosen = Array.from({ length: count }, () => left.splice(random.between(0, left.length - 1), 1)[0])
  const wanted = new Set(chosen)
  return cases.filter((_, index) => wanted.has(index))
}
