import { appendFileSync } from 'node:fs'
import { constants } from 'node:os'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'

/** What can become of an operation. The first ones are the system's errors. */
export const faults = [
  'EIO',
  'ENOSPC',
  'EDQUOT',
  'EACCES',
  'short write',
  'kill -9 before it',
  'kill -9 after it',
] as const
export type DiskFault = (typeof faults)[number]

/** Which operation: the `nth` (from 1) that these words say. */
export type Target = Readonly<{ words: string; nth: number; fault: DiskFault }>

const key = 'faults of the disk'
const textAt = 32
const mostText = 1000

/** Shared by all threads of the process: header, then the words of the target. */
const shared = isMainThread ? new SharedArrayBuffer(textAt + mostText) : (getEnvironmentData(key) as SharedArrayBuffer)
if (isMainThread) setEnvironmentData(key, shared)
const header = new Int32Array(shared, 0, textAt / 4)
const text = new Uint8Array(shared, textAt)
const [mode, faultAt, nthAt, metAt, lengthAt, struckAt] = [0, 1, 2, 3, 4, 5]
const [off, recording, armed] = [0, 1, 2]

/** Where a recording goes, one operation a line. */
const recordPath = process.env.FAULTS_OPERATIONS

/** From now on every operation of every thread is written down. */
export function record(): void {
  Atomics.store(header, mode, recording)
}

/** From now on the operations are counted, and the one that is meant breaks. */
export function arm({ words, nth, fault }: Target): void {
  const bytes = Buffer.from(words)
  if (bytes.length > mostText) throw new Error(`too many words: ${words}`)
  text.set(bytes)
  header.set([off, faults.indexOf(fault), nth, 0, bytes.length, 0])
  Atomics.store(header, mode, armed)
}

/** Nothing breaks any more. Whether something did. */
export function disarm(): boolean {
  Atomics.store(header, mode, off)
  return header[struckAt] === 1
}

/** Called before each operation on a file: what is to become of it, undefined when it is to be done. */
export function fateOf(words: string): DiskFault | undefined {
  const now = Atomics.load(header, mode)
  if (now === off) return undefined
  if (now === recording) {
    if (recordPath !== undefined) appendFileSync(recordPath, `${words}\n`)
    return undefined
  }
  if (words !== Buffer.from(text.subarray(0, header[lengthAt])).toString()) return undefined
  if (Atomics.add(header, metAt, 1) + 1 !== header[nthAt]) return undefined
  header[struckAt] = 1
  return faults[header[faultAt] ?? 0]
}

/** An error as the system gives it. */
export function systemError(code: string, words: string): NodeJS.ErrnoException {
  const known = Object.entries(constants.errno).find(([name]) => name === code)?.[1] ?? 1
  return Object.assign(new Error(`${code}: injected, ${words}`), { code, errno: -known, syscall: words })
}

/** Does not return. */
export function die(): never {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('still alive')
}

/** Does one synchronous operation, or what is to become of it. `shortly` is the same with less. */
export function doSync<T>(words: string | undefined, work: () => T, shortly: () => T = work): T {
  const fate = words === undefined ? undefined : fateOf(words)
  if (fate === undefined || words === undefined) return work()
  if (fate === 'kill -9 before it') die()
  if (fate === 'short write') return shortly()
  if (fate !== 'kill -9 after it') throw systemError(fate, words)
  work()
  die()
}

/** The same of one that gives a promise. */
export async function doAsync<T>(words: string | undefined, work: () => Promise<T>, shortly = work): Promise<T> {
  const fate = words === undefined ? undefined : fateOf(words)
  if (fate === undefined || words === undefined) return work()
  if (fate === 'kill -9 before it') die()
  if (fate === 'short write') return shortly()
  if (fate !== 'kill -9 after it') throw systemError(fate, words)
  await work()
  die()
}
