import { join } from 'node:path'
import type { Place } from './access-order.ts'
import { answer, type Call, callerPort, type Operations } from './thread-call.ts'
import { filesIn } from './xattr-file.ts'
import { namesIn, XattrIndex } from './xattr-index.ts'
import { openLock } from './xattr-lock.ts'
import { probe } from './xattr-probe.ts'

/** The body of the thread that reads and writes attributes. Calls on one file follow one another. */
export type XattrOperations = ReturnType<typeof operationsOn>['operations'] & typeof lifecycle

let opened: ReturnType<typeof operationsOn> | undefined
let operations: Operations

function operationsOn(dir: string, lock: ReturnType<typeof openLock>) {
  const files = filesIn(dir, lock)
  const index = new XattrIndex(dir, files.get)
  return {
    operations: {
      ...files,
      names: () => namesIn(dir),
      page: (after: Place | undefined, most: number) => index.page(after, most),
      sizes: () => index.sizes(),
      totals: () => index.totals(),
    },
    close(): void {
      index.close()
      lock.close()
    },
  }
}

const lifecycle = {
  async open(dir: string): Promise<void> {
    const ours = join(dir, '.afterimage')
    await probe(dir, ours)
    opened = operationsOn(dir, openLock(join(ours, 'xattr.lock')))
    operations = { ...opened.operations, ...lifecycle }
  },
  close(): void {
    opened?.close()
  },
}

operations = lifecycle
const port = callerPort()
port.on('message', (call: Call) => answer(port, operations, call))
