import { eventually } from './deadline.ts'

/** Resolves when a number that grows has not grown for twenty looks in a row: a flow that is held back has come to rest. */
export async function standsStill(look: () => number): Promise<void> {
  let last = -1
  let same = 0
  await eventually(() => {
    const now = look()
    same = now === last && now > 0 ? same + 1 : 0
    last = now
    return same >= 20
  }, 'the flow to come to rest')
}
