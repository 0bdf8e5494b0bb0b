import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { barView, jsonView, plainView } from '../../src/cli/progress.ts'
import type { PrefetchEvent } from '../../src/management/prefetch-events.ts'

const gib = 2 ** 30
const [a, b] = ['image-a', 'image-b']

const event = (image: string, state: PrefetchEvent['state'], received = 0, size?: number, reason?: string) => ({
  image,
  state,
  received,
  size,
  reason,
})

/** A view with a clock in its hands, and what it has written. */
function watch(rows = 24, columns = 200) {
  let at = 0
  let written = ''
  const now = () => at
  const terminal = { rows, columns, write: (text: string) => (written += text) }
  return {
    terminal,
    now,
    after(seconds: number) {
      at += seconds * 1000
    },
    taken() {
      const taken = written.replaceAll('\u001b', 'ESC')
      written = ''
      return taken
    },
  }
}

describe('plain lines', () => {
  test('one when an image starts, one when it ends, one for each failure between; Glance’s last word', () => {
    const lines: string[] = []
    const { now, after } = watch()
    const view = plainView((line) => lines.push(line), now)
    view.event(event(a, 'started', 0, 2 * gib))
    view.event(event(b, 'started', gib / 2, gib))
    after(4)
    view.event(event(a, 'progress', gib, 2 * gib))
    view.event(event(b, 'progress', gib / 2, gib, 'the image store answers 503; tried again in 1 s'))
    after(4)
    view.event(event(a, 'cached', 2 * gib, 2 * gib))
    view.event(event(b, 'failed', 0, undefined, 'not-active: the image’s status is queued'))
    view.event(event('image-c', 'cached'))
    view.end({ done: true, cached: 2, failed: 1 })
    assert.deepEqual(lines, [
      'image-a: started (2.0 GiB)',
      'image-b: started (1.0 GiB, 512.0 MiB are there already)',
      'image-b: the image store answers 503; tried again in 1 s',
      'image-a: cached (2.0 GiB in 8.0s, 256.0 MiB/s)',
      'image-b: failed: not-active: the image’s status is queued',
      'image-c: cached (it was there already)',
      'Failed to successfully cache all images in queue.',
    ])
  })

  test('the last word of a run without failures, and of one without images', () => {
    const lines: string[] = []
    const view = plainView((line) => lines.push(line))
    view.end({ done: true, cached: 3, failed: 0 })
    view.end({ done: true, cached: 0, failed: 0 })
    assert.deepEqual(lines, ['Successfully cached all 3 images', 'Nothing to prefetch.'])
  })
})

describe('bars on a terminal', () => {
  test('share, bytes, rate and time left; what has ended stays above them', () => {
    const { terminal, now, after, taken } = watch()
    const view = barView(terminal, now)
    view.event(event(a, 'started', 0, 2 * gib))
    assert.equal(taken(), 'ESC[Jimage-a   0% [--------------------] 0 B of 2.0 GiB\n')
    after(2)
    view.event(event(a, 'progress', gib / 2, 2 * gib))
    assert.equal(
      taken(),
      'ESC[1A\rESC[Jimage-a  25% [#####---------------] 512.0 MiB of 2.0 GiB  256.0 MiB/s  6s left\n',
    )
    after(0.05)
    view.event(event(a, 'progress', gib, 2 * gib))
    assert.equal(taken(), '', 'not more often than anybody can see')
    view.event(event(b, 'failed', 0, undefined, 'no'))
    assert.match(taken(), /^ESC\[1A\rESC\[Jimage-b: failed: no\nimage-a {2}50% .*\n$/)
    after(8)
    view.event(event(a, 'cached', 2 * gib, 2 * gib))
    assert.match(taken(), /^ESC\[1A\rESC\[Jimage-a: cached \(2\.0 GiB in 10s, .*\)\n$/)
    view.end({ done: true, cached: 1, failed: 1 })
    assert.equal(taken(), 'ESC[JFailed to successfully cache all images in queue.\n')
  })

  test('no more lines and no longer ones than the terminal has: they could not be written over', () => {
    const { terminal, now, after, taken } = watch(3, 40)
    const view = barView(terminal, now)
    for (let n = 0; n < 5; n++) {
      after(1)
      view.event(event(`image-${n}`, 'started', 0, gib))
    }
    const last = taken().split('ESC[J').at(-1) ?? ''
    assert.deepEqual(last.split('\n'), [
      'image-0   0% [--------------------]',
      'image-1   0% [--------------------]',
      '',
    ])
  })

  test('where there is little room the rate and the time left come first; a terminal without a size has 80 columns', () => {
    const id = '00000000-0000-4000-8000-000000000001'
    const lines = [120, 0, 70, 10].map((columns) => {
      const { terminal, now, after, taken } = watch(24, columns)
      const view = barView(terminal, now)
      view.event(event(id, 'started', 0, 2 * gib))
      after(2)
      taken()
      view.event(event(id, 'progress', gib, 2 * gib))
      return taken()
        .split('\n')[0]
        ?.split(`ESC[J${id.slice(0, 9)}`)[1]
    })
    const rest = id.slice(9)
    assert.deepEqual(lines, [
      `${rest}  50% [##########----------] 1.0 GiB of 2.0 GiB  512.0 MiB/s  2s left`,
      `${rest}  50% [######-------]  512.0 MiB/s  2s left`,
      `${rest}  50%  512.0 MiB/s  2s left`,
      '',
    ])
  })

  test('the rate is that of the last seconds, not of the whole', () => {
    const { terminal, now, after, taken } = watch()
    const view = barView(terminal, now)
    view.event(event(a, 'started', 0, 100 * gib))
    for (let second = 1; second <= 20; second++) {
      after(1)
      view.event(event(a, 'progress', second <= 10 ? second * gib : 10 * gib, 100 * gib))
    }
    assert.doesNotMatch(taken().split('\n').at(-2) ?? '', /\/s/, 'nothing has come for ten seconds')
  })
})

test('--json: each event as it is, on a line', () => {
  const lines: string[] = []
  const view = jsonView((line) => lines.push(line))
  view.event(event(a, 'cached', 5, 5))
  view.end({ done: true, cached: 1, failed: 0 })
  assert.deepEqual(lines, [
    '{"image":"image-a","state":"cached","received":5,"size":5}',
    '{"done":true,"cached":1,"failed":0}',
  ])
})
