import assert from 'node:assert/strict'
import pLimit from 'p-limit'
import { filePath } from '../../real/images.ts'
import { type Got, get, type Opened, open } from '../../support/client.ts'
import { deadline } from '../../support/deadline.ts'
import type { CallerName, Callers } from './callers.ts'
import { isGranted } from './compare.ts'
import type { Scene } from './scene.ts'
import { type Asking, requestOf, type Stage } from './stages.ts'

/** What a caller was told by each of the servers; `whileHeld`: in the midst of the image's download. */
export type Asked = Readonly<{ caller: CallerName; stage: Stage; through: readonly Got[]; whileHeld: boolean }>

/** What Glance alone says to each caller, in each way of asking. */
export type Direct = (caller: CallerName, asks: Asking) => Got

const patience = 60_000
const atOnce = 6

/** Asks Glance alone for one image: those of a state are alike. */
export async function askGlance(
  glanceUrl: string,
  { id, bytes }: Scene,
  callers: Callers,
  names: readonly CallerName[],
  ways: readonly Asking[],
): Promise<Direct> {
  const limit = pLimit(atOnce)
  const pairs = names.flatMap((caller) => ways.map((asks) => ({ caller, asks })))
  const answers = new Map(
    await Promise.all(
      pairs.map(({ caller, asks }) =>
        limit(async () => {
          const url = glanceUrl + filePath(id)
          const got = await deadline(get(url, optionsOf(asks, bytes, callers, caller)), `Glance answers`, patience)
          return [`${caller} ${asks}`, got] as const
        }),
      ),
    ),
  )
  return (caller, asks) => {
    // Glance knows no conditions.
    const got = answers.get(`${caller} ${asks === 'if-none-match' ? 'whole' : asks}`)
    assert(got)
    return got
  }
}

/** Asks the servers for the scene's image in the name of each caller, in the ways of its stages. */
export async function askServers(
  scene: Scene,
  callers: Callers,
  names: readonly CallerName[],
  direct: Direct,
): Promise<Asked[]> {
  const { cache, stages } = scene
  const pairs = stages.flatMap((stage) => names.map((caller) => ({ stage, caller })))
  if (cache === 'nothing') return askInTurn(scene, callers, pairs, direct)
  if (cache === 'arriving' || cache === 'prefetching') return askWhileHeld(scene, callers, pairs, direct)
  const limit = pLimit(atOnce)
  return Promise.all(
    pairs.map(({ stage, caller }) =>
      limit(async () => {
        const through = await Promise.all(begin(scene, callers, caller, stage).map(whole))
        return { caller, stage, through, whileHeld: false }
      }),
    ),
  )
}

type Pairs = readonly Readonly<{ stage: Stage; caller: CallerName }>[]

/** One after another, and the cache is emptied whenever somebody has filled it. */
async function askInTurn(scene: Scene, callers: Callers, pairs: Pairs, direct: Direct): Promise<Asked[]> {
  const asked: Asked[] = []
  for (const { stage, caller } of pairs) {
    const through = await Promise.all(begin(scene, callers, caller, stage).map(whole))
    asked.push({ caller, stage, through, whileHeld: false })
    const isFilled = scene.isTaken && direct(caller, stage.asks).status === 200
    if (isFilled) for (const server of scene.servers) await server.committed(scene.id)
    for (const found of await scene.onDisk()) assert.equal(found !== undefined, isFilled, `cached after ${caller}`)
    if (isFilled) await scene.evict()
  }
  return asked
}

/**
 * All of them while the image's download stands still: whoever may not read it hears so now, by Glance's word; whoever
 * may has the head of his answer, and the rest once the download goes on.
 */
async function askWhileHeld(scene: Scene, callers: Callers, pairs: Pairs, direct: Direct): Promise<Asked[]> {
  const limit = pLimit(atOnce)
  const begun = await Promise.all(
    pairs.map(({ stage, caller }) =>
      limit(async () => {
        const heads = await Promise.all(begin(scene, callers, caller, stage).map(head))
        const early = isGranted(direct(caller, stage.asks)) ? undefined : await Promise.all(heads.map(end))
        return { caller, stage, heads, early }
      }),
    ),
  )
  await scene.release()
  return Promise.all(
    begun.map(async ({ caller, stage, heads, early }) => {
      const through = early ?? (await Promise.all(heads.map(end)))
      return { caller, stage, through, whileHeld: early !== undefined }
    }),
  )
}

function begin(
  { servers, id, bytes }: Scene,
  callers: Callers,
  caller: CallerName,
  { asks }: Stage,
): Promise<Opened>[] {
  return servers.map(({ url }) => open(url + filePath(id), optionsOf(asks, bytes, callers, caller)))
}

function optionsOf(asks: Asking, bytes: Buffer, callers: Callers, caller: CallerName) {
  const { method, headers } = requestOf(asks, bytes)
  return { method, headers: { ...headers, ...callers.credentials[caller] } }
}

const head = (opened: Promise<Opened>): Promise<Opened> => deadline(opened, 'the head of an answer', patience)
const end = ({ rest }: Opened): Promise<Got> => deadline(rest, 'the end of an answer', patience)
const whole = async (opened: Promise<Opened>): Promise<Got> => end(await head(opened))
