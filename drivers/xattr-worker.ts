import { join } from 'node:path'
import { answer, type Call, callerPort, type Operations } from './thread-call.ts'
import { wholeOf } from './xattr-directory.ts'
import { filesIn } from './xattr-file.ts'
import { openLock } from './xattr-lock.ts'
import { probe } from './xattr-probe.ts'

/** The body of the thread that reads and writes attributes. Calls on one file follow one another. */
export type XattrOperations = ReturnType<typeof filesIn> & ReturnType<typeof wholeOf> & typeof lifecycle

let opened: Readonly<{ operations: Operations; lock: ReturnType<typeof openLock> }> | undefined

const lifecycle = {
  async open(dir: string): Promise<void> {
    const ours = join(dir, '.afterimage')
    await probe(dir, ours)
    const lock = openLock(join(ours, 'xattr.lock'))
    opened = { operations: { ...filesIn(dir, lock), ...wholeOf(dir), ...lifecycle }, lock }
  },
  close(): void {
    opened?.lock.close()
  },
}

const port = callerPort()
port.on('message', (call: Call) => answer(port, opened?.operations ?? lifecycle, call))
