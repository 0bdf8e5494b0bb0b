/** Random numbers that are the same in every run: a failing case can be found again by its seed. */
export interface SeededRandom {
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number
  /** One of `choices`, which are not none. */
  pick<T>(choices: readonly T[]): T
}

/** A 32-bit xorshift generator: even enough for test cases, for nothing else. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed | 0 || 1
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  const between = (least: number, most: number) => least + (next() % (most - least + 1))
  return {
    between,
    pick(choices) {
      const chosen = choices[between(0, choices.length - 1)]
      if (chosen === undefined) throw new Error('pick needs something to choose from')
      return chosen
    },
  }
}
