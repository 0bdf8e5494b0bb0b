import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { type App, listen } from '../../src/http/listener.ts'
import { get } from '../support/client.ts'
import { deadline } from '../support/deadline.ts'

test('a connection that has never sent anything does not hold up the end', async () => {
  const listener = await listen(() => {}, { host: '127.0.0.1', port: 0 })
  const silent = connect(listener.port, '127.0.0.1')
  await once(silent, 'connect')
  const closed = once(silent, 'close')
  silent.resume()
  await deadline(listener.close(60_000), 'the listener ends', 5000)
  await deadline(closed, 'the connection is closed')
})

test('a request that is being answered when the end begins gets its answer', async () => {
  const answer = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const app: App = (_incoming, outgoing) => {
    asked.resolve()
    void answer.promise.then(() => outgoing.end('done'))
  }
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  const getting = get(`http://127.0.0.1:${listener.port}/`)
  await deadline(asked.promise, 'the request is there')
  const ended = listener.close(60_000)
  answer.resolve()
  assert.equal((await getting).body.toString(), 'done')
  await deadline(ended, 'the listener ends', 5000)
})
