import { test } from 'node:test'
import { killsOf } from './faults-of.ts'
import { sweep } from './sweep.ts'

test('xattr', (t) => sweep(t, { driver: 'xattr', kind: 'kill -9', faultsOf: killsOf, sampled: 1 }))
