import { setImmediate as turn } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { whenFree } from './sqlite-busy.ts'
import { closeForGlance, openForWriting, withAdvice } from './sqlite-open.ts'
import { writesOf } from './sqlite-writes.ts'
import { answer, type Call, callerPort, failed, type Outcome, perform, succeeded } from './thread-call.ts'

/**
 * The body of the only thread of a process that writes the database. Whatever has been asked by the time it looks goes
 * into one transaction and is answered after its commit: a thousand touches at once cost one commit, not a thousand.
 */
type Writes = ReturnType<typeof writesOf>
export type SqliteOperations = Writes & typeof lifecycle

const maxBatch = 500
/** Changes that must survive a power cut as well. Of the others reconciliation finds what was lost, or it is a hit. */
const durable: ReadonlySet<string> = new Set<keyof Writes>(['prepare', 'pin'])

let opened: { db: Database.Database; writes: Writes; busyMs: number } | undefined

const lifecycle = {
  async open(path: string, busyMs: number): Promise<void> {
    const db = await openForWriting(path, busyMs)
    opened = { db, writes: writesOf(db), busyMs }
  },
  async close(): Promise<void> {
    if (opened !== undefined) await closeForGlance(opened.db)
  },
}

const port = callerPort()
const waiting: Call[] = []
let working = false

port.on('message', async (call: Call) => {
  waiting.push(call)
  if (working) return
  working = true
  // Messages that have come already are delivered before this turn ends: they join the first batch.
  await turn()
  await work()
  working = false
})

async function work(): Promise<void> {
  for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) {
    if (call.operation in lifecycle) await answer(port, lifecycle, call)
    else port.postMessage(await commit([call, ...takeWrites(maxBatch - 1)]))
    await turn()
  }
}

/** Takes what may join a batch: writes only, in the order they were asked for. */
function takeWrites(max: number): Call[] {
  const end = waiting.findIndex((call) => call.operation in lifecycle)
  return waiting.splice(0, Math.min(max, end === -1 ? waiting.length : end))
}

async function commit(batch: readonly Call[]): Promise<Outcome[]> {
  try {
    if (opened === undefined) throw new Error('the database is not open')
    const { db, writes, busyMs } = opened
    db.pragma(`synchronous = ${batch.some((call) => durable.has(call.operation)) ? 'FULL' : 'NORMAL'}`)
    const transaction = db.transaction(() => batch.map((call) => succeeded(call.seq, perform(writes, call))))
    return await whenFree(busyMs, () => transaction.immediate())
  } catch (error) {
    const advised = withAdvice(error)
    return batch.map((call) => failed(call.seq, advised))
  }
}
