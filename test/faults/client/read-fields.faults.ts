import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { NotCached } from '../../../src/cache/not-cached.ts'
import { cacheStatus } from '../../../src/http/image-response.ts'
import { callerFields, endToEnd, isLoop, requestFields } from '../../../src/origin/upstream/hop-by-hop.ts'
import { holds, junk, textOf } from './holds.ts'

const fieldName = fc.constantFrom(
  'Connection',
  'TE',
  'Keep-Alive',
  'X-A',
  'x-b',
  'Host',
  'Via',
  'Range',
  'Content-Type',
  'Expect',
  'X-Forwarded-For',
  'Transfer-Encoding',
  'Upgrade',
  'If-Match',
  'X-OpenStack-Request-Id',
)
const fieldValue = fc.constantFrom('x-a', 'X-B, close', '1', '', ',', 'keep-alive', 'range,content-type', 'via')
const fieldList = fc.array(fc.tuple(fieldName, fieldValue), { maxLength: 8 })
const hop = {
  pseudonym: 'cache',
  httpVersion: '1.1',
  clientAddress: '::ffff:192.0.2.1',
  scheme: 'http',
  host: 'h',
  requestId: 'req-1',
} as const

holds(
  'the fields of a request',
  'random fields',
  'each end-to-end one once, no other',
  fc.property(fieldList, (fields) => {
    const named = fields
      .filter(([name]) => name === 'Connection')
      .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()))
    const hopByHop = ['connection', 'te', 'keep-alive', 'transfer-encoding', 'upgrade', ...named]
    const kept = fields.filter(([name]) => !hopByHop.includes(name.toLowerCase()))
    assert.deepEqual(endToEnd(fields), kept)
    const sent = [...callerFields(fields.flat(), hop), ...requestFields(fields.flat())]
    const ours = /^(via|x-forwarded-.*|x-openstack-request-id|host|expect)$/i
    const sort = (list: readonly (readonly [string, string])[]) =>
      list
        .filter(([name]) => !ours.test(name))
        .map((pair) => pair.join(': '))
        .sort()
    assert.deepEqual(sort(sent), sort(kept))
    for (const name of ['via', 'x-forwarded-for', 'x-forwarded-host', 'x-openstack-request-id']) {
      const found = sent.filter(([sentName]) => sentName.toLowerCase() === name)
      const copies = kept.filter(([keptName]) => keptName.toLowerCase() === name).length
      assert.equal(found.length, name.endsWith('-id') ? Math.max(1, copies) : 1, name)
    }
    assert(!sent.some(([name]) => /^(host|expect)$/i.test(name)))
  }),
)

const hops = fc.array(
  fc.tuple(
    fc.constantFrom('1.1', 'HTTP/1.0', '2'),
    fc.constantFrom('cache', 'CACHE', 'other', 'cache2'),
    fc.constantFrom('', ' (x, 1.1 cache)', ' (a(b)\\)c)', '\t(")'),
  ),
  { maxLength: 4 },
)

holds(
  'Via',
  'random chains, cut into several fields',
  'a loop just where we are in one',
  fc.property(hops, fc.nat(4), (chain, cut) => {
    const entries = chain.map(([protocol, by, comment]) => `${protocol} ${by}${comment}`)
    const fields = [entries.slice(0, cut).join(', '), entries.slice(cut).join(' ,,')]
    assert.equal(
      isLoop(fields, 'cache'),
      chain.some(([, by]) => by.toLowerCase() === 'cache'),
    )
  }),
)

holds(
  'Via',
  'random fields',
  'an answer, and no error',
  fc.property(fc.oneof(junk, textOf(['1.1', ' ', 'cache', ',', '(', ')', '\\', '"'])), (field) => {
    const isOurs = isLoop([field], 'cache')
    if (isOurs) assert.match(field, /cache/i)
  }),
)

const reasons: Readonly<Record<NotCached, true>> = {
  'not-active': true,
  'no-size': true,
  'no-record': true,
  'too-large': true,
  limit: true,
  'no-space': true,
  'no-inodes': true,
  busy: true,
  'cache-failed': true,
}

holds(
  'Cache-Status',
  'what we write',
  'one item of RFC 9211',
  fc.property(
    fc.constantFrom(
      'hit',
      'fwd=miss; stored',
      'fwd=miss; collapsed',
      'fwd=bypass',
      ...Object.keys(reasons).map((reason) => `fwd=miss; detail=${reason}` as const),
    ),
    (status) => {
      const token = "[A-Za-z*][\\w:/!#$%&'*+.^`|~-]*"
      assert.match(cacheStatus(status), new RegExp(`^${token}(?:; [a-z*][a-z0-9_.*-]*(?:=${token})?)*$`))
    },
  ),
)
