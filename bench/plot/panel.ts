import type { RowResult } from '../run-row.ts'
import { spreadOf } from '../spread.ts'
import { element, type Markup, text } from './svg.ts'

/** Of a panel, in pixels. */
export const width = 940

const titleHeight = 46
const lineHeight = 23
const barHeight = 15
const namesWidth = 250
const valuesWidth = 130
const barsLeft = namesWidth + 10
const barsWidth = width - barsLeft - valuesWidth

type Line = Readonly<{ name: string; median: number; least: number; most: number }>

export const panelHeight = (result: RowResult): number => titleHeight + linesOf(result).length * lineHeight

/** A row of the scoreboard: a bar for the median of each contestant, and a line from the least to the most of its rounds. */
export function panel(result: RowResult): Markup {
  const lines = linesOf(result)
  const column = result.columns[0]
  const longest = Math.max(...lines.map(({ most }) => most))
  const x = (value: number) => Number((barsLeft + (value / longest) * barsWidth).toFixed(1))
  const base = lines.find(({ name }) => name === result.contestants[0]?.name)
  const bottom = titleHeight + lines.length * lineHeight - 4
  const isCompared = base !== undefined && lines.length > 1
  const unit = `${column?.label}, ${column?.isLessBetter ? 'less' : 'more'} is better`

  function bar(line: Line, index: number): Markup {
    const { name, median, least, most } = line
    const isOurs = name.startsWith('Afterimage')
    const y = titleHeight + index * lineHeight
    const middle = y + barHeight / 2
    const ratio = isCompared && line !== base ? ` (${(base.median / median).toFixed(2)})` : ''
    return [
      text(namesWidth, y + 12, isOurs ? 'end strong' : 'end', name),
      element('rect', {
        x: barsLeft,
        y,
        width: Number((x(median) - barsLeft).toFixed(1)),
        height: barHeight,
        rx: 2,
        class: isOurs ? 'ours' : 'other',
      }),
      element('line', { x1: x(least), x2: x(most), y1: middle, y2: middle, class: 'spread' }),
      text(x(most) + 8, y + 12, isOurs ? 'strong' : '', `${median.toFixed(column?.digits)}${ratio}`),
    ].join('')
  }

  return [
    text(0, 14, 'row', result.title),
    text(0, 33, 'soft', isCompared ? `${unit} (in brackets: ${base.name} ÷ it)` : unit),
    element('line', { x1: barsLeft, x2: barsLeft, y1: titleHeight - 4, y2: bottom, class: 'axis' }),
    ...lines.map(bar),
  ].join('\n')
}

function linesOf({ columns, contestants }: RowResult): Line[] {
  const key = columns[0]?.key ?? ''
  return contestants.flatMap(({ name, rounds, isYardstick }) => {
    const values = rounds.map((figures) => figures[key] ?? Number.NaN)
    return values.length === 0 || isYardstick ? [] : [{ name, ...spreadOf(values) }]
  })
}
