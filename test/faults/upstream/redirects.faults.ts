import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after } from 'node:test'
import { redirects } from './answers/statuses.ts'
import type { Step } from './outcomes.ts'
import { runCases } from './run-cases.ts'

/** Where redirects lead to; nobody may ever come. */
let visitors = 0
const elsewhere = createServer((socket) => {
  visitors++
  socket.destroy()
}).listen(0, '127.0.0.1')
await once(elsewhere, 'listening')
after(() => elsewhere.close())
const address = elsewhere.address()
assert(address !== null && typeof address === 'object')

const faults = redirects(`http://127.0.0.1:${address.port}`)
const steps: readonly Step[] = ['first', 'rest', 'record', 'question', 'prefetch']

/** No redirect is followed, neither with the client's credentials nor without them. */
async function around(run: () => Promise<void>): Promise<void> {
  await run()
  assert.equal(visitors, 0, 'nobody has gone elsewhere')
}

for (const step of steps) runCases(step, faults, { sampled: 1, around })
for (const step of ['part', 'other'] as const) runCases(step, faults, { sampled: 1, driver: 'any', around })
