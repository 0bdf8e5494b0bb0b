import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Permissions } from '../../src/origin/permissions.ts'
import { deadline } from '../support/deadline.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { callerOf, scripted } from '../support/upstream-glance.ts'

const owner = callerOf('owner')

test('many who ask at once for one token and image ask the store once', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: patternBytes(100) })
  const permissions = new Permissions(glance, 30_000)
  const answers = await Promise.all(Array.from({ length: 20 }, () => permissions.ask('one', owner)))
  assert(answers.every(({ kind }) => kind === 'granted'))
  assert.equal(up.requests.length, 1)
})

test('rule 8: who asks after a change does not share the answer to a question of before', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: patternBytes(100) })
  const permissions = new Permissions(glance, 30_000)
  const held = up.nextFile('one', { question: true, holdHeaders: true })
  const before = permissions.ask('one', owner)
  await deadline(held.reached, 'the question is asked')
  permissions.drop('one')
  up.addImage({ id: 'one', bytes: patternBytes(100), status: 'deactivated' })
  const after = await deadline(permissions.ask('one', owner), 'another question is asked')
  assert(after.kind === 'refusal' && after.status === 403)
  held.release()
  await before
  const later = await permissions.ask('one', owner)
  assert.equal(later.kind, 'refusal', 'the old yes was not kept')
})

test('rule 8: a yes that came with a download begun before a change is not kept', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: patternBytes(100) })
  const permissions = new Permissions(glance, 30_000)
  const question = permissions.question()
  permissions.drop('one')
  question.granted('one', owner, { size: 100, md5: undefined })
  await permissions.ask('one', owner)
  assert.equal(up.requests.length, 1)
})

test('a yes is over after its time, and a no is never remembered', async (t) => {
  const { up, glance } = await scripted(t)
  up.addImage({ id: 'one', bytes: patternBytes(100) })
  up.allow('one', 'owner')
  up.access.know('other')
  let now = 0
  const permissions = new Permissions(glance, 30_000, () => now)
  await permissions.ask('one', owner)
  now = 29_999
  await permissions.ask('one', owner)
  assert.equal(up.requests.length, 1)
  now = 30_000
  await permissions.ask('one', owner)
  assert.equal(up.requests.length, 2)
  for (let round = 3; round <= 4; round++) {
    assert.equal((await permissions.ask('one', callerOf('other'))).kind, 'refusal')
    assert.equal(up.requests.length, round)
  }
})
