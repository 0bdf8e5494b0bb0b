import type { RowResult } from '../run-row.ts'
import { panel, panelHeight, width } from './panel.ts'
import { style } from './style.ts'
import { element, type Markup, text } from './svg.ts'

/** One picture: some rows of the scoreboard under a title. */
export type Plot = Readonly<{ file: string; title: string; rows: readonly string[] }>

export const plots: readonly Plot[] = [
  {
    file: 'hits.svg',
    title: 'Hits: the image lies in the cache',
    rows: ['hit-large-1', 'hit-large-8', 'hit-cold', 'hit-small-1', 'hit-small-8', 'sparse-hit'],
  },
  {
    file: 'misses.svg',
    title: 'Misses: the image comes from the upstream',
    rows: ['miss-large', 'cold-crowd', 'paced-crowd', 'workers-crowd'],
  },
  {
    file: 'load.svg',
    title: 'Many readers, mixed load, many images',
    rows: ['slow-readers-hit', 'slow-readers-fill', 'event-loop', 'scale'],
  },
]

const margin = 24
const headHeight = 84
const gap = 24

/** Undefined when this run measured none of its rows. `caption`: where the figures come from. */
export function drawPlot({ title, rows }: Plot, results: readonly RowResult[], caption: string): Markup | undefined {
  const shown = rows.flatMap((name) => results.find((result) => result.name === name && isMeasured(result)) ?? [])
  if (shown.length === 0) return undefined
  const parts = [text(margin, 38, 'title', title), text(margin, 60, 'soft', caption)]
  let y = headHeight
  for (const result of shown) {
    parts.push(element('g', { transform: `translate(${margin} ${y})` }, panel(result)))
    y += panelHeight(result) + gap
  }
  const size = { width: width + 2 * margin, height: y }
  const frame = { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${size.width} ${size.height}`, ...size }
  const ground = element('rect', { ...size, rx: 8, class: 'ground' })
  const content = [element('style', {}, style), ground, ...parts].join('\n')
  return `${element('svg', { ...frame, role: 'img', 'aria-label': title }, content)}\n`
}

const isMeasured = ({ contestants }: RowResult): boolean =>
  contestants.some(({ rounds, isYardstick }) => rounds.length > 0 && !isYardstick)
