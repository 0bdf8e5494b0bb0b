import type { Reading } from './watched-server.ts'

/** The middle one. */
export const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

/** How much `value` grows in a minute: the straight line through all readings with the least squares. */
export function slope(readings: readonly Reading[], value: (reading: Reading) => number): number {
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length
  const [middle, level] = [mean(readings.map(({ at }) => at)), mean(readings.map(value))]
  const along = readings.reduce((sum, reading) => sum + (reading.at - middle) * (value(reading) - level), 0)
  const spread = readings.reduce((sum, { at }) => sum + (at - middle) ** 2, 0)
  return (along / spread) * 60
}

/** The first and the last `share` of them. */
export function ends(readings: readonly Reading[], share: number): readonly [Reading[], Reading[]] {
  const many = Math.max(1, Math.floor(readings.length * share))
  return [readings.slice(0, many), readings.slice(-many)]
}
