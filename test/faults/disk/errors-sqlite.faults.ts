import { test } from 'node:test'
import { errorsOf } from './faults-of.ts'
import { sweep } from './sweep.ts'

test('sqlite', (t) => sweep(t, { driver: 'sqlite', kind: 'errors', faultsOf: errorsOf, sampled: 1 }))
