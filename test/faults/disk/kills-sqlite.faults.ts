import { test } from 'node:test'
import { killsOf } from './faults-of.ts'
import { sweep } from './sweep.ts'

test('sqlite', (t) => sweep(t, { driver: 'sqlite', kind: 'kill -9', faultsOf: killsOf, sampled: 1 }))
