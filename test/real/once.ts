import { suite } from 'node:test'
import { driver } from './proxy.ts'

/** A suite in which nothing depends on the driver: it is run for one of them. */
export const onceForAllDrivers = (name: string, tests: () => void): void => {
  const skip = driver === 'sqlite' ? false : 'run with sqlite'
  suite(name, { skip }, tests)
}
