import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Log, openLog } from '../../src/events/log.ts'
import { cleanup } from '../support/cleanup.ts'
import { eventually } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'

type Line = Readonly<Record<string, unknown>>

/** A log into a file, and what is in the file now. */
async function scene(t: TestContext, level = 'info'): Promise<{ log: Log; lines(): Line[] }> {
  const path = join(await tempDir(t), 'log')
  const file = await open(path, 'a')
  cleanup(t, () => file.close())
  const lines = () =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line)
  return { log: openLog(level, file.fd), lines }
}

const numbers = (lines: readonly Line[]) => lines.map(({ number }) => number)

test('a line says its time, its level, its fields and its words', async (t) => {
  const { log, lines } = await scene(t)
  const before = Date.now()
  log.info({ image: 'a', bytes: 5 }, 'download')
  const [line] = lines()
  const { time, ...rest } = line ?? {}
  assert.deepEqual(rest, { level: 'info', image: 'a', bytes: 5, msg: 'download' })
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const at = Date.parse(String(time))
  assert(at >= before && at <= Date.now(), String(time))
})

test('the first line is written at once, the next ones in a moment, in order and whole', async (t) => {
  const { log, lines } = await scene(t)
  log.info({ number: 0 })
  assert.deepEqual(numbers(lines()), [0])
  log.info({ number: 1 })
  log.info({ number: 2 })
  assert.deepEqual(numbers(lines()), [0], 'they wait for others')
  await eventually(() => lines().length === 3, 'they are written')
  // More than is held back, in letters of several bytes.
  for (let number = 3; number < 500; number++) log.info({ number, text: 'ü'.repeat(number) })
  assert(lines().length > 450, `${lines().length} lines`)
  await eventually(() => lines().length === 500, 'all are written')
  assert.deepEqual(
    numbers(lines()),
    Array.from({ length: 500 }, (_, number) => number),
  )
})

test('a warning or worse is written at once, with all that waited', async (t) => {
  const { log, lines } = await scene(t)
  let number = 0
  for (const level of ['warn', 'error', 'fatal'] as const) {
    log.info({ number: number++ })
    log.info({ number: number++ })
    log[level]({ number: number++ })
    assert.equal(lines().length, number, level)
  }
})

test('what may be a secret by its name is blanked, wherever it lies; errors are told without stacks', async (t) => {
  const { log, lines } = await scene(t, 'debug')
  const secret = 'gAAAA-secret'
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', headers: { token: secret } })
  const error = new Error('no answer', { cause })
  log.debug({ token: secret, headers: { 'x-auth-token': secret }, bytes: 1, error })
  log.warn({ request: { headers: [secret], path: '/', deep: { er: { password: secret } } } }, 'nested')
  log.child({ worker: 1, token: secret }).error({ list: [{ token: secret }], error }, 'of a child')
  const text = JSON.stringify(lines())
  assert(!text.includes(secret), text)
  const told = {
    name: 'Error',
    message: 'no answer',
    cause: { name: 'Error', message: 'refused', code: 'ECONNREFUSED' },
  }
  const [first, second, third] = lines().map(({ time: _, ...rest }) => rest)
  assert.deepEqual(first, { level: 'debug', token: '***', headers: '***', bytes: 1, error: told })
  const request = { headers: '***', path: '/', deep: { er: { password: '***' } } }
  assert.deepEqual(second, { level: 'warn', request, msg: 'nested' })
  assert.deepEqual(third?.error, told)
  assert.equal(third?.worker, 1)
  assert.deepEqual(third?.list, [{ token: '***' }])
})

test('fields that hold themselves end somewhere', async (t) => {
  const { log, lines } = await scene(t)
  const ring: Record<string, unknown> = { name: 'ring' }
  ring.ring = ring
  log.info({ ring })
  assert.equal(lines().length, 1)
})
