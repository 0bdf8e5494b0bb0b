import { type MessagePort, parentPort } from 'node:worker_threads'

/** Named functions that one thread runs for another. Arguments and values are copied between them (structured clone). */
export type Operations = Readonly<Record<string, (...args: never[]) => unknown>>

/** What a driver's thread can be asked. `open` comes first and makes everything ready, `close` last. */
export type Lifecycle = Readonly<{ open(...options: never[]): unknown; close(): unknown }>

/** One call of an operation. */
export type Call = Readonly<{ seq: number; operation: string; args: readonly unknown[] }>

/** How a call ended. An error loses its class between threads, so what matters of it is said in words. */
export type Outcome =
  | Readonly<{ seq: number; value: unknown }>
  | Readonly<{ seq: number; failure: Readonly<{ message: string; code: string | undefined }> }>

/** Does what was asked; gives the operation's value or promise, throws what it throws. */
export function perform(operations: Operations, call: Call): unknown {
  const operation = operations[call.operation]
  if (operation === undefined) throw new Error(`no operation ${call.operation}`)
  // DriverThread.ask has checked the arguments against this operation; only the type is lost on the way.
  return operation(...(call.args as never[]))
}

export const succeeded = (seq: number, value: unknown): Outcome => ({ seq, value })

export const failed = (seq: number, error: unknown): Outcome => ({
  seq,
  failure: { message: error instanceof Error ? error.message : String(error), code: codeOf(error) },
})

/** The system's or SQLite's word for an error (`ENOENT`, `SQLITE_BUSY`). */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** The way back to the thread that asks. */
export function callerPort(): MessagePort {
  if (parentPort === null) throw new Error('this file is the body of a worker thread, not a program')
  return parentPort
}

/** Performs one call and posts how it ended; after `close` nothing more is taken, and the thread ends. */
export async function answer(port: MessagePort, operations: Operations, call: Call): Promise<void> {
  try {
    port.postMessage([succeeded(call.seq, await perform(operations, call))])
  } catch (error) {
    port.postMessage([failed(call.seq, error)])
  }
  if (call.operation === 'close') port.close()
}
