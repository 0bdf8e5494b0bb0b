/**
 * The known name that `name` is most likely a misspelling of, at most `within` edits away (a letter missing, added,
 * changed, or two exchanged); case and `-` for `_` count as no edit. Undefined when nothing is that near.
 */
export function nearestName(name: string, known: Iterable<string>, within: number): string | undefined {
  let nearest: string | undefined
  let least = within + 1
  for (const candidate of known) {
    const distance = editDistance(plain(name), plain(candidate), least)
    if (distance < least) {
      nearest = candidate
      least = distance
    }
  }
  return nearest
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('-', '_')
}

/** Optimal string alignment distance; no more than `enough` is worked out for names of very different length. */
function editDistance(a: string, b: string, enough: number): number {
  if (Math.abs(a.length - b.length) >= enough) return enough
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= b.length; column += 1) {
      const changed = a[row - 1] === b[column - 1] ? 0 : 1
      const exchanged = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current.push(
        Math.min(
          at(last, column - 1) + changed,
          at(last, column) + 1,
          at(current, column - 1) + 1,
          exchanged ? at(beforeLast, column - 2) + 1 : Infinity,
        ),
      )
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
