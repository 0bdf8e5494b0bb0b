import { test } from 'node:test'
import { errorsOf } from './faults-of.ts'
import { sweep } from './sweep.ts'

test('xattr', (t) => sweep(t, { driver: 'xattr', kind: 'errors', faultsOf: errorsOf, sampled: 1 }))
