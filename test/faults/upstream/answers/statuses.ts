import { headText, type RightAnswer } from '../right-answer.ts'
import type { Fault } from './fault.ts'

const answer = (status: number, more: ReadonlyArray<readonly [string, string]> = []) => {
  const text = `the store says ${status}`
  return [
    `${headText(status, [['Content-Type', 'text/plain'], ...more, ['Content-Length', String(text.length)]])}${text}`,
  ]
}

const refusal = (status: number, name = `status ${status}`): Fault => ({
  name,
  effect: 'refused',
  status,
  script: () => answer(status),
})

/** Whole answers of another status. */
export const refusals: readonly Fault[] = [
  ...[400, 401, 403, 404, 405, 410, 418, 429, 500, 501, 502, 503, 504, 511, 599, 999].map((status) => refusal(status)),
  ...[429, 503].map(
    (status): Fault => ({
      name: `status ${status} with Retry-After`,
      effect: 'refused',
      status,
      script: () => answer(status, [['Retry-After', '3600']]),
    }),
  ),
]

/** Status 206 to a request for the whole, 200 to one for a range, and the like. */
export const otherStatus = (right: RightAnswer, status: number): RightAnswer => ({ ...right, status })

/** To itself, or to somewhere else. */
export const redirects = (elsewhere: string): Fault[] =>
  [300, 301, 302, 303, 307, 308].flatMap((status) =>
    [
      ['itself', (right: RightAnswer) => `/v2/images/${right.image.id}/file`],
      ['another host', () => `${elsewhere}/elsewhere`],
    ].map(
      ([where, target]): Fault => ({
        name: `status ${status} to ${where}`,
        effect: 'refused',
        status,
        script: (right) => answer(status, [['Location', typeof target === 'function' ? target(right) : '']]),
      }),
    ),
  )
