import type { Command, Session } from '../command.ts'
import { StatusError } from '../errors.ts'
import { list, text } from '../json-value.ts'
import { askOwn, askOwnOfImage } from '../own-api.ts'
import { printable } from '../table.ts'

/**
 * Outcomes that leave nothing to do: what is cached is right, was put right, or has no declared digest to be compared
 * with. Not `unknown`: a program that asks for a proof is to learn that there was none.
 */
const well = ['intact', 'repaired', 'outdated', 'gone', 'undeclared']

export const verify: Command = {
  name: 'verify',
  summary: 'Hash cached images again (all, when none is named), compare, repair',
  takes: 'optional-ids',
  action: 'verify cached images',
  async run(session) {
    const named = session.ids.length > 0
    const ids = named ? session.ids : await allCached(session)
    if (ids.length === 0) session.say('No cached images.')
    const counts = new Map<string, number>()
    for (const id of ids) {
      const { outcome, detail } = await verified(session, id)
      // Somebody may have removed it since it was listed.
      if (outcome === 'not-cached' && !named) continue
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
      if (session.json) session.print(JSON.stringify({ id, outcome, detail }))
      else session.print(printable([id, outcome, ...(detail === undefined ? [] : [`(${detail})`])].join(' ')))
    }
    if (counts.size > 0 && (session.verbose || (!session.json && ids.length > 1))) {
      const parts = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ')
      const total = [...counts.values()].reduce((sum, count) => sum + count)
      session.say(`Verified ${total} images: ${parts}`)
    }
    return [...counts.keys()].every((outcome) => well.includes(outcome))
  },
}

async function allCached(session: Session): Promise<readonly string[]> {
  const images = list(await askOwn(session.client(), 'GET', '/images'), 'images')
  return images.map((image) => text(image, 'id')).filter((id) => id !== undefined)
}

async function verified(session: Session, id: string) {
  try {
    const answer = await askOwnOfImage(session.client(), 'POST', id, '/verify')
    if (answer === undefined) return { outcome: 'not-cached', detail: undefined }
    return { outcome: text(answer, 'outcome') ?? 'failed', detail: text(answer, 'detail') }
  } catch (error) {
    // A fault with one image does not keep the others from being looked at.
    if (!(error instanceof StatusError) || error.status < 500) throw error
    return { outcome: 'failed', detail: error.message.split('\n')[0] }
  }
}
