import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearestName } from '../../src/config/nearest-name.ts'

const known = ['bind_host', 'bind_port', 'image_cache_dir', 'workers']

const cases: readonly [name: string, within: number, nearest: string | undefined][] = [
  ['bind_pot', 2, 'bind_port'],
  ['bind_prot', 1, 'bind_port'],
  ['bnid_hsot', 2, 'bind_host'],
  ['Bind-Port', 0, 'bind_port'],
  ['imagecachedir', 2, 'image_cache_dir'],
  ['imagecachedir', 1, undefined],
  ['worker', 1, 'workers'],
  ['bind_addr', 3, undefined],
  ['', 3, undefined],
  ['workersworkers', 6, undefined],
]

for (const [name, within, nearest] of cases) {
  test(`nearest to "${name}" within ${within}: ${nearest ?? 'nothing'}`, () => {
    assert.equal(nearestName(name, known, within), nearest)
  })
}
