import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changedImage } from '../../src/http/image-paths.ts'

const id = '00000000-0000-4000-8000-0000000000ab'

for (const target of [
  `/v2/images/${id}`,
  `/v2.16/images/${id.toUpperCase()}?x=1`,
  `/images/${id}`,
  `//v2///images/${id}/`,
  `http://cache:9292/v2/images/${id}`,
  `HTTPS://user@cache/v2/images/${id}`,
  `/v2%2Fimages%2f${id}`,
  `/v2/images/%30${id.slice(1)}%`,
]) {
  test(`a change of an image, however it is spelt: ${target}`, () => {
    const { id: changed, whole } = changedImage(target) ?? assert.fail('taken for no change')
    assert(changed.startsWith(id))
    assert.equal(whole, true)
  })
}

test('something of an image, and something else', () => {
  assert.deepEqual(changedImage(`http://cache/v2/images/${id}/members/x`), { id, whole: false })
  assert.equal(changedImage('/v2/images'), undefined)
  assert.equal(changedImage(`/v2/tasks/${id}`), undefined)
})
