import { printable } from './table.ts'

/** `width`: characters of the longest cell that is to be expected. Numbers stand at the right. */
export type FixedColumn = Readonly<{ title: string; width: number; isNumber?: boolean }>

/**
 * The lines of a table, written while its rows come: unlike `table` it must know the widths before, and keeps nothing.
 * A cell that is wider makes its own line wider.
 */
export function rowsOf(columns: readonly FixedColumn[]) {
  const widths = columns.map(({ title, width }) => Math.max(title.length, width))
  return {
    rule: `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`,
    head: line(columns.map(({ title }, at) => title.padEnd(widths[at] ?? 0))),
    row: (cells: readonly string[]): string =>
      line(
        columns.map(({ isNumber = false }, at) => {
          const [cell, width] = [printable(cells[at] ?? ''), widths[at] ?? 0]
          return isNumber ? cell.padStart(width) : cell.padEnd(width)
        }),
      ),
  }
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
