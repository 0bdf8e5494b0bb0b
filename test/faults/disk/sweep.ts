import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Got } from '../../support/client.ts'
import { imageId } from '../../support/image-id.ts'
import type { DriverName } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import { sample } from '../matrix/sample.ts'
import { figure, saw } from '../matrix/seen.ts'
import type { Met } from './faults-of.ts'
import { FaultyServer } from './faulty-server.ts'
import { assertHealthy } from './oracle.ts'
import { type Scenario, scenarios, wholeOrCutOff } from './scenarios.ts'
import { DiskScene } from './scene.ts'
import type { DiskFault, Target } from './seam/plan.ts'

export type SweepOptions = Readonly<{
  driver: DriverName
  /** What they have in common, for the figures. */
  kind: string
  /** The ways in which an operation breaks. */
  faultsOf(met: Met): DiskFault[]
  /** Cases of each scenario in a sampled run. */
  sampled: number
}>

/** For whoever looks into one of them. */
const only = process.env.FAULTS_SCENARIO

/**
 * Runs each scenario once for each operation on a file that it does and each way in which that one can break. The first
 * scenario is a fill: what others have of it is not broken in every way again.
 */
export async function sweep(t: TestContext, { driver, kind, faultsOf, sampled }: SweepOptions): Promise<void> {
  const upstream = await startUpstream(t)
  await using server = new FaultyServer()
  const open = (t: TestContext) => DiskScene.open(t, driver, upstream, server)
  const inFill = new Set<string>()
  const began = performance.now()
  let cases = 0
  const [fill, ...others] = scenarios
  const chosen = only === undefined ? [fill, ...sample(others, 6)] : scenarios.filter(({ name }) => name === only)
  for (const scenario of chosen) {
    await t.test(scenario.name, async (t) => {
      const operations = await whole(t, scenario, await open(t))
      assert(operations.length > 0)
      const isFill = scenario === fill
      if (isFill) for (const words of operations) inFill.add(words)
      const targets = inTurn(operations).flatMap(({ words, nth }) =>
        faultsOf({ words, nth, isFill, isNew: !inFill.has(words) }).map((fault) => ({ words, nth, fault })),
      )
      for (const target of sample(targets, sampled)) {
        cases++
        const { words, nth, fault } = target
        await t.test(`${fault}, ${words}${nth > 1 ? ` (${nth})` : ''}`, async (t) => {
          await broken(t, scenario, await open(t), target)
        })
      }
    })
  }
  const seconds = Math.round((performance.now() - began) / 1000)
  figure({ area: 'disk', name: `${kind}, ${driver}`, value: `${cases} operations broken, one a run, in ${seconds} s` })
}

/** A run in which nothing breaks; gives what it does with files. */
async function whole(t: TestContext, scenario: Scenario, scene: DiskScene): Promise<string[]> {
  const { got } = await run(scenario, scene, () => scene.server.record())
  if (got !== undefined) (scenario.judge ?? wholeOrCutOff)(scene, got, undefined)
  const operations = scene.server.recorded()
  await healthy(t, scenario, scene, got)
  return operations
}

/** Each operation with how often its words have been said by then. */
function inTurn(operations: readonly string[]): Pick<Target, 'words' | 'nth'>[] {
  const met = new Map<string, number>()
  return operations.map((words) => {
    const nth = (met.get(words) ?? 0) + 1
    met.set(words, nth)
    return { words, nth }
  })
}

/** What its client got, if it has one, and whether anything broke. */
async function run(
  scenario: Scenario,
  scene: DiskScene,
  begin: () => Promise<void>,
): Promise<Readonly<{ got: Got | undefined; struck: boolean }>> {
  const { server } = scene
  await scenario.prepare?.(scene)
  if (scenario.withStart) await begin()
  let got: Got | undefined
  let struck = false
  if ((await scene.start(scenario.flags)) === undefined && server.exit === undefined) {
    await scenario.before?.(scene)
    if (!scenario.withStart) await begin()
    got = await scenario.act(scene)
    if (!scenario.withEnd) struck = await server.disarm()
    await server.close()
    got ??= await scenario.after?.(scene)
  }
  return { got, struck: (await server.disarm()) || struck }
}

async function broken(t: TestContext, scenario: Scenario, scene: DiskScene, target: Target): Promise<void> {
  const { server, driver } = scene
  const { words, fault } = target
  const { got, struck } = await run(scenario, scene, () => server.arm(target))
  const isKill = fault.startsWith('kill')
  if (!isKill) assert.equal(server.exit, undefined, `the server has died of it: ${server.errors}`)
  const { judge = wholeOrCutOff } = scenario
  const client = got === undefined ? 'the server did not start' : judge(scene, got, target)
  const left = await leftOf(scene, target)
  const hasCutOff = await healthy(t, scenario, scene, got)
  // Of a killed process it is chance whether the wrong bytes were there already.
  const mayCutOff = scenario.mayBeWrong === true && isKill
  const disk = hasCutOff || mayCutOff ? `${left}; if it is wrong it cuts one client off` : left
  if (struck) saw({ area: 'disk', fault, step: `${scenario.name}: ${words}`, driver, client, disk })
}

async function healthy(t: TestContext, scenario: Scenario, scene: DiskScene, got: Got | undefined): Promise<boolean> {
  await scenario.heal?.(scene, got)
  const { images = [1] } = scenario
  const bytes = images.map(imageId).map((id) => [id, scene.stored.get(id) ?? assert.fail()] as const)
  return assertHealthy(t, scene, new Map(bytes), scenario.mayBeWrong === true)
}

/**
 * What is on the disk of the image when the server has gone. How much had come by when a process was killed is chance;
 * so is whether its progress was written for the last time before the commit or beside it.
 */
async function leftOf({ dir, id }: DiskScene, { words, fault }: Target): Promise<string> {
  const isKill = fault.startsWith('kill')
  if (isKill && words === 'write .afterimage/fills/<id>') return 'committed, or to be downloaded or gone on with'
  if (await hasBytes(join(dir, id))) return 'committed'
  if (isKill) return 'to be downloaded or gone on with'
  return (await hasBytes(join(dir, 'incomplete', id))) ? 'part of it, gone on with' : 'nothing of it'
}

const hasBytes = (path: string): Promise<boolean> =>
  stat(path).then(
    ({ size }) => size > 0,
    () => false,
  )
