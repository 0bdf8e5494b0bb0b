import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isImageId } from '../../../src/cache/image-id.ts'
import { evaluateConditions, evaluateIfRange } from '../../../src/http/conditional.ts'
import { changedImage, downloadPath, splitTarget } from '../../../src/http/image-paths.ts'
import { formatContentRange, isSeveralRanges, parseRange } from '../../../src/http/ranges.ts'
import { soleTokenKey } from '../../../src/http/sole-token.ts'
import { byteRange } from '../../../src/origin/directory/byte-range.ts'
import { parseContentRange } from '../../../src/origin/glance/content-range.ts'
import { IllegalRequest } from '../../../src/origin/upstream/exchange-failure.ts'
import { originForm } from '../../../src/origin/upstream/relay-request.ts'
import { holds, junk, textOf } from './holds.ts'
import { conditionModel, rangeModel } from './request-models.ts'

const size = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.maxSafeNat())
const rangeText = fc.oneof(
  textOf([
    'bytes=',
    'BYTES=',
    'bytes',
    '=',
    '-',
    '-',
    '0',
    '1',
    '7',
    '39',
    '99999999999999999999',
    ',',
    ' ',
    '\t',
    '\u00a0',
    '+',
    'x',
  ]),
  fc
    .array(fc.tuple(fc.option(fc.nat(50)), fc.option(fc.nat(50)), fc.constantFrom('', ' ', '\t', ', ,')), {
      maxLength: 3,
    })
    .map(
      (specs) =>
        `bytes=${specs.map(([first, last, blank]) => `${blank}${first ?? ''}-${last ?? ''}${blank.trim() === '' ? blank : ''}`).join(',')}`,
    ),
  junk,
)

holds(
  'a Range field',
  'random fields',
  'as a model of RFC 9110 14.1 says',
  fc.property(rangeText, size, (field, bytes) => {
    const read = parseRange(field, bytes)
    assert.deepEqual(read, rangeModel(field, bytes))
    assert.equal(isSeveralRanges(field), read.kind === 'several')
  }),
)

holds(
  'a Content-Range field',
  'what we write',
  'the same again',
  fc.property(fc.nat(10 ** 12), fc.nat(10 ** 9), fc.nat(10 ** 9), (start, length, more) => {
    const end = start + length + 1
    const total = end + more
    assert.deepEqual(parseContentRange(formatContentRange(start, end, total)), { start, end, total })
  }),
)

holds(
  'a Content-Range field',
  'random fields',
  'a part of the whole, or nothing',
  fc.property(
    fc.oneof(textOf(['bytes ', 'bytes', '0', '5', '10', '-', '/', '*', ' ', '99999999999999999'], 8), junk),
    (field) => {
      const read = parseContentRange(field)
      if (read === undefined) return
      assert.match(field.trim(), /^bytes [0-9]+-[0-9]+\/([0-9]+|\*)$/i)
      assert(read.start >= 0 && read.start < read.end && read.end <= (read.total ?? read.end))
      assert(Number.isSafeInteger(read.end))
    },
  ),
)

holds(
  'a Range field, for the directory of images',
  'random fields',
  'bytes that are there, or none',
  fc.property(rangeText, fc.nat(40), (field, bytes) => {
    const read = byteRange(field, bytes)
    if (read.kind === 'part') assert(read.start >= 0 && read.start < read.end && read.end <= bytes)
    const model = rangeModel(field, bytes)
    if (model.kind === 'range' && read.kind === 'part')
      assert.deepEqual([read.start, read.end], [model.start, model.end])
  }),
)

const tag = fc.constantFrom('"a"', '"b"', 'W/"a"', 'W/"b"', '"a,b"', '""', '"\u00ff"', '*', 'w/"a"', '"a', 'a', "'a'")
const tagList = fc.oneof(
  fc
    .array(fc.tuple(tag, fc.constantFrom(',', ', ', ' ,\t', ',,', ' ')), { maxLength: 5 })
    .map((parts) => parts.flat().join('')),
  junk,
)

holds(
  'If-Match, If-None-Match and If-Range',
  'random lists',
  'as a model of RFC 9110 13 says',
  fc.property(tagList, fc.constantFrom('"a"', '"b"', '""', undefined), (field, etag) => {
    for (const name of ['if-match', 'if-none-match'] as const) {
      assert.equal(evaluateConditions({ [name]: field }, etag), conditionModel(name, field, etag), name)
    }
    assert.equal(evaluateIfRange({ 'if-range': field }, etag), conditionModel('if-range', field, etag) === 'proceed')
  }),
)

const target = fc.oneof(
  textOf([
    '/',
    '/',
    'v2',
    'v2.16',
    'images',
    'file',
    '..',
    '.',
    '%2e',
    '%2f',
    '%',
    '%00',
    '\\',
    '?',
    '#',
    '//',
    'http://h',
    'a',
  ]),
  junk,
)
const uuid = fc.uuid().map((id) => id.toLowerCase())

holds(
  'the target of a download',
  'random targets',
  'one segment of the raw path, or nothing',
  fc.property(target, (text) => {
    const read = downloadPath(text)
    if (read === undefined) return
    const { path, query } = splitTarget(text)
    assert.match(read.id, /^[^/\\?]+$/)
    assert([`/images/${read.id}`].includes(path) || /^\/v2(\.[0-9]{1,3})?\/images\//.test(path))
    assert(path.includes(`/images/${read.id}`))
    assert.equal(splitTarget(read.target).query, query)
    if (isImageId(read.id)) assert(!/[./\\%]/.test(read.id))
  }),
)

holds(
  'an id',
  'random texts, and ids with something changed',
  'none but the canonical form',
  fc.property(uuid, fc.nat(36), junk, (id, at, piece) => {
    assert(isImageId(id))
    const changed = id.slice(0, at) + piece + id.slice(at)
    assert.equal(isImageId(changed), changed === id)
    const replaced = id.slice(0, at) + piece + id.slice(at + piece.length)
    if (isImageId(replaced)) assert.match(replaced, /^[-0-9a-f]{36}$/)
    if (isImageId(piece)) assert.match(piece, /^[-0-9a-f]{36}$/)
  }),
)

/** The same characters, some of them percent-encoded, once. */
const encodedSome = (text: string) =>
  fc
    .array(fc.nat(2), { minLength: text.length, maxLength: text.length })
    .map((ways) =>
      [...text].map((char, at) => (ways[at] === 0 ? `%${char.charCodeAt(0).toString(16)}` : char)).join(''),
    )

holds(
  'the target of a change',
  'every spelling of one image',
  'that image',
  fc.property(
    uuid.chain((id) =>
      fc.tuple(
        fc.constant(id),
        fc.constantFrom('', 'http://h', 'HTTPS://user@h:1'),
        fc.constantFrom('/v2', '/v2.16', '', '//v2/'),
        fc.oneof(encodedSome(id), encodedSome(id.toUpperCase())),
        fc.constantFrom('', '/', '/file', '/members/a%'),
        fc.constantFrom('', '?', '?a=/b'),
      ),
    ),
    ([id, start, version, spelt, rest, query]) => {
      const change = changedImage(`${start}${version}/images/${spelt}${rest}${query}`)
      assert.deepEqual(change, { id, whole: rest === '' || rest === '/' })
    },
  ),
)

holds(
  'the target of a change',
  'random targets',
  'an image, or nothing',
  fc.property(target, (text) => {
    const change = changedImage(text)
    if (change !== undefined)
      assert(change.id !== '' && !change.id.includes('/') && change.id === change.id.toLowerCase())
  }),
)

holds(
  'a request target',
  'random targets',
  'a path, or refused',
  fc.property(
    fc.oneof(
      target,
      target.map((rest) => `http://${rest}`),
    ),
    (text) => {
      try {
        const path = originForm(text)
        assert(path.startsWith('/') && text.endsWith(path.slice(1)))
      } catch (error) {
        assert(error instanceof IllegalRequest)
        assert(!text.startsWith('/') && !/^https?:\/\//i.test(text))
      }
    },
  ),
)

const name = fc.constantFrom(
  'X-Auth-Token',
  'x-auth-token',
  'X_Auth_Token',
  'Accept',
  'Cookie',
  'X-Service-Token',
  'x_service_token',
  'X-Roles',
  'Connection',
  'Authorization',
  'X-Project-Id',
  'Range',
)
const value = fc.constantFrom('t', 's', '', 'keep-alive', 'close, TE', 'x-auth-token', 'keep-alive, Cookie')

holds(
  'the credentials of a request',
  'random fields',
  'a key for one token alone',
  fc.property(fc.array(fc.tuple(name, value), { maxLength: 4 }), (fields) => {
    const key = soleTokenKey(fields.flat())
    const lower = fields.map(([field, held]) => [field.toLowerCase(), held] as const)
    const tokens = lower.filter(([field]) => /^x.auth.token$/.test(field))
    const others = lower.some(([field]) => /^(cookie|authorization|x.service.token|x-roles|x-project-id)$/.test(field))
    const named = lower.some(([field, held]) => field === 'connection' && !/^(keep-alive|close, TE|)$/.test(held))
    const odd = lower.some(([field]) => field === 'x_auth_token')
    // Two letters as options are harmless in fact, yet nobody knows them.
    const sole = tokens.length === 1 && tokens[0]?.[1] !== '' && !others && !named && !odd
    assert.equal(key !== undefined, sole)
    if (sole) assert.equal(key, soleTokenKey(['X-Auth-Token', tokens[0]?.[1] ?? '']))
  }),
)
