import { conforms } from '../support/driver-conformance.ts'
import { type MemoryStore, newMemoryStore, openMemoryDriver } from '../support/memory-driver.ts'

/** It proves that the suite tests the contract and no file system or database, and that the tests' own driver keeps it. */
const stores = new Map<string, MemoryStore>()

conforms({
  name: 'memory',
  shared: false,
  open(dir) {
    const store = stores.get(dir) ?? newMemoryStore()
    stores.set(dir, store)
    return openMemoryDriver(store)
  },
})
