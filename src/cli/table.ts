export type Column = Readonly<{ title: string; align?: 'center' | 'left' | 'right' }>

/** A table between lines of `+---+`, its last line without a line break. In the columns' order; all cells are one line. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map(printable))
  const widths = columns.map(({ title }) => title.length)
  for (const row of safe) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length)
    })
  }
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, at) => justify(cells[at] ?? '', width, columns[at]?.align)).join(' | ')} |`
  return [rule, line(columns.map(({ title }) => title)), rule, ...safe.map(line), rule].join('\n')
}

/** What a server says may hold control characters, which would steer the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}

function justify(text: string, width: number, align: Column['align'] = 'center'): string {
  if (align === 'left') return text.padEnd(width)
  if (align === 'right') return text.padStart(width)
  const spare = width - text.length
  // The odd space stands before a text of even length and behind one of odd length, as in Glance's tables.
  const before = Math.floor(spare / 2) + (spare % 2 === 1 && text.length % 2 === 0 ? 1 : 0)
  return `${' '.repeat(before)}${text}`.padEnd(width)
}
