import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { startProxy } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'
import { framingOfBodies } from './framing-body.ts'
import type { FramingCase, Passed, Refused } from './framing-case.ts'
import { framingOfHeads } from './framing-head.ts'
import { framingOfLines } from './framing-line.ts'
import { rawExchange } from './raw-exchange.ts'
import { readAnswers } from './strict-answers.ts'
import type { StrictRequest } from './strict-requests.ts'
import { startTap } from './tap.ts'

const id = imageId(1)
/** Where a request that is refused must do nothing: what is relayed, a hit, and a change of the cache. */
const places = ['/doubtful', `/v2/images/${id}/file`, `/v2/queued_images/${id}`]

test('requests that two servers may take for two different things', async (t) => {
  const upstream = await startUpstream(t)
  upstream.addImage({ id, bytes: patternBytes(1000) })
  const tap = await startTap(t, upstream.url)
  const proxy = await startProxy(t, { upstream: tap.url, driver: 'sqlite' })
  await rawExchange(proxy.url, `GET /v2/images/${id}/file HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`, 'a hit')
  await proxy.committed(id)
  const tree = async () => (await readdir(proxy.dir, { recursive: true })).sort()
  const before = await tree()
  const expected: string[] = []
  let asked = tap.requests.length
  let count = 0

  /** What came of it and of the two requests behind it. */
  async function exchange(bytes: string, label: string) {
    count += 1
    const behind = [
      `DELETE /behind-${count} HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET /last-${count} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
    ]
    asked = tap.requests.length
    const got = await rawExchange(proxy.url, bytes + behind.join(''), label)
    return readAnswers(got.bytes, [])
  }
  const lastTwo = () => [`DELETE /behind-${count}`, `GET /last-${count}`]
  /** The answers of the store tell what it was asked: nothing is on its way any more. */
  const reached = () => tap.requests.slice(asked)
  const names = (requests: readonly StrictRequest[]) => requests.map(({ method, target }) => `${method} ${target}`)

  async function refuses({ bytes, fault }: FramingCase, { status, before, goesOn }: Refused) {
    for (const place of places) {
      const { answers, rest } = await exchange(bytes.replace('/doubtful', place), fault)
      const first = place.includes('queued') && before !== undefined ? [before] : status === 0 ? [] : [status]
      const statuses = answers.map((answer) => answer.status)
      assert.deepEqual(statuses, [...first, ...(goesOn ? [200, 200] : [])], place)
      assert.equal(rest.length, 0)
      const wanted = goesOn ? lastTwo() : []
      assert.deepEqual(names(reached()), wanted, `${place}: what the store was asked`)
      expected.push(...wanted)
    }
    const told = status === 0 ? '' : `${status}, `
    return goesOn ? `${told}then what it asks for next` : `${told}connection closed`
  }

  async function passes({ bytes, fault }: FramingCase, outcome: Passed) {
    const { answers, rest } = await exchange(bytes, fault)
    assert.deepEqual(
      answers.map(({ status }) => status),
      [...outcome.answers, ...(outcome.goesOn ? [200, 200] : [])],
    )
    assert.equal(rest.length, 0)
    const wanted = [`${outcome.method} ${outcome.target}`, ...(outcome.goesOn ? lastTwo() : [])]
    assert.deepEqual(names(reached()), wanted, 'what the store was asked')
    expected.push(...wanted)
    const request: StrictRequest | undefined = reached()[0]
    assert.equal(request?.body.toString('latin1'), outcome.body)
    for (const [name, value] of Object.entries(outcome.fields)) {
      const values: string[] = (request?.fields ?? []).filter(([field]) => field === name).map((pair) => pair[1])
      assert.deepEqual(values, value === null ? [] : [value], name)
    }
    return outcome.goesOn ? 'its own answer' : 'its own answer, connection closed'
  }

  for (const doubtful of sample([...framingOfBodies, ...framingOfHeads, ...framingOfLines], 60)) {
    const { clause, fault, outcome } = doubtful
    await t.test(`${clause}: ${fault}`, async () => {
      const client = outcome.kind === 'refused' ? await refuses(doubtful, outcome) : await passes(doubtful, outcome)
      assert.deepEqual(tap.violations(), [])
      saw({ area: 'client', fault, step: clause, driver: 'any', client, disk: 'nothing' })
    })
  }

  await t.test('and nothing came late, or was left behind', async () => {
    await eventually(() => tap.requests.length >= expected.length, 'the store has been asked')
    const all = names(tap.requests).filter((name) => !name.includes(id))
    assert.deepEqual(all.sort(), expected.filter((name) => !name.includes(id)).sort())
    assert.deepEqual(await tree(), before)
  })
})
