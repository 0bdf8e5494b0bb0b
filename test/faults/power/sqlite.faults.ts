import { powerSuite } from './power-suite.ts'

powerSuite('sqlite')
