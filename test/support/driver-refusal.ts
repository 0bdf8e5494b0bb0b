import assert from 'node:assert/strict'
import { type Driver, DriverError } from '../../drivers/driver.ts'

/** Opening must fail with a DriverError whose message matches. A driver that opens after all is closed. */
export async function refuses(opening: Promise<Driver>, pattern: RegExp): Promise<void> {
  let opened: Driver
  try {
    opened = await opening
  } catch (error) {
    assert.ok(error instanceof DriverError, String(error))
    assert.match(error.message, pattern)
    return
  }
  await opened[Symbol.asyncDispose]()
  assert.fail(`opened, but should fail with ${pattern}`)
}
