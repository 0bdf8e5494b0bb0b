import type { Starter } from './peers/start-once.ts'
import { reasons } from './reasons.ts'
import type { Column, Contestant, Figures, Row } from './rows/row.ts'
import type { Site } from './site.ts'

/** All that one row gave. A server that could not be measured keeps its place, with the reason. */
export type RowResult = Readonly<{
  name: string
  title: string
  columns: readonly Column[]
  contestants: readonly Readonly<{
    name: string
    isYardstick: boolean
    rounds: readonly Figures[]
    fault: string | undefined
  }>[]
}>

type Measured = {
  readonly contestant: Contestant
  readonly name: string
  measure: (() => Promise<Figures>) | undefined
  rounds: Figures[]
  fault: string | undefined
}

/** Measures all contestants of a row in turn, round by round, so that a slow minute of the machine falls on all of them. */
export async function runRow(row: Row, rounds: number, site: Site, start: Starter): Promise<RowResult> {
  const all = row.contestants.map(
    (contestant): Measured => ({
      contestant,
      name: contestant.name,
      measure: undefined,
      rounds: [],
      fault: undefined,
    }),
  )
  for (let round = 0; round <= rounds; round++) {
    for (const one of all.filter(({ fault }) => fault === undefined)) {
      site.interrupted.throwIfAborted()
      try {
        if (one.measure === undefined) one.measure = await one.contestant.prepare(site, start)
        else one.rounds.push(await one.measure())
      } catch (error) {
        site.interrupted.throwIfAborted()
        one.fault = reasons(error)
      }
      console.error(progress(row, round, rounds, one))
    }
  }
  const { name, title, columns } = row
  const contestants = all.map(({ contestant, name, rounds, fault }) => {
    return { name, isYardstick: contestant.isYardstick ?? false, rounds, fault }
  })
  return { name, title, columns, contestants }
}

function progress(row: Row, round: number, rounds: number, { name, rounds: done, fault }: Measured): string {
  const step = round === 0 ? 'prepared' : `${round}/${rounds}`
  const column = row.columns[0]
  const figure = done.at(-1)?.[column?.key ?? '']
  const outcome = fault ?? (figure === undefined ? '' : `${figure.toFixed(column?.digits)} ${column?.label}`)
  const elapsed = `${(performance.now() / 1000).toFixed(0)} s`
  return `${elapsed} ${row.name} ${step} ${name} ${outcome}`.trimEnd()
}
