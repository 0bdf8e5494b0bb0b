import type { Facts } from '../../drivers/driver.ts'
import { type Declared, type Proof, strongestProof } from '../cache/digest-name.ts'
import type { Caller, ImageRecord, Origin } from '../origin/origin.ts'

/** What the image store says of an image to the cache itself. */
export type Word =
  | Readonly<{ kind: 'record'; record: ImageRecord }>
  | Readonly<{ kind: 'absent' }>
  /** It could not be asked, or gave no answer to go by. */
  | Readonly<{ kind: 'silent'; why: string }>

export type StoreTools = Readonly<{ origin: Origin; ownCaller(): Promise<Caller | undefined> }>

/** Never rejects. */
export async function askStore({ origin, ownCaller }: StoreTools, id: string, signal: AbortSignal): Promise<Word> {
  try {
    const own = await ownCaller()
    if (own === undefined)
      return { kind: 'silent', why: 'the cache has no credentials of its own to ask the store with' }
    const answer = await origin.describe(id, own, signal)
    if (answer.kind === 'described') return { kind: 'record', record: answer.record }
    if (answer.status === 404) return { kind: 'absent' }
    return { kind: 'silent', why: `the store answers ${answer.status} to the cache's own credentials` }
  } catch (error) {
    return { kind: 'silent', why: error instanceof Error ? error.message : String(error) }
  }
}

/** What is to be done with a cached file, before a byte of it is read. */
export type Expectation =
  | Readonly<{ kind: 'prove'; proof: Proof; declared: Declared }>
  /** It cannot be right, whatever its bytes are. */
  | Readonly<{ kind: 'wrong'; why: string }>
  | Readonly<{ kind: 'outdated' | 'gone' | 'undeclared' | 'unknown'; why: string }>

/**
 * `facts` are those of this very file; undefined when it was never proven. The store's word counts; where it has none,
 * what it declared when the file was proven last.
 */
export function expectationOf(size: number, facts: Facts | undefined, word: Word): Expectation {
  if (word.kind === 'absent') return { kind: 'gone', why: 'the store has no such image' }
  if (word.kind === 'silent') {
    if (facts === undefined) return { kind: 'unknown', why: word.why }
    return prove(facts) ?? { kind: 'undeclared', why: 'the store declared no digest, and cannot be asked now' }
  }
  const { record } = word
  if (facts !== undefined && isOther(record, facts)) {
    return { kind: 'outdated', why: 'the store holds other bytes under this id now' }
  }
  if (record.size !== undefined && record.size !== size) {
    return { kind: 'wrong', why: `the file has ${size} bytes, the store declares ${record.size}` }
  }
  const known = prove(record) ?? (facts && prove(facts))
  return known ?? { kind: 'undeclared', why: 'the store declares no digest that can be computed here' }
}

function prove(declared: Declared): Expectation | undefined {
  const proof = strongestProof(declared)
  const { md5, hashAlgo, hashValue } = declared
  return proof && { kind: 'prove', proof, declared: { md5, hashAlgo, hashValue } }
}

function isOther(record: ImageRecord, facts: Facts): boolean {
  const differ = (a: string | undefined, b: string | undefined) =>
    a !== undefined && b !== undefined && a.toLowerCase() !== b.toLowerCase()
  if (record.size !== undefined && record.size !== facts.size) return true
  if (differ(record.md5, facts.md5)) return true
  return record.hashAlgo === facts.hashAlgo && differ(record.hashValue, facts.hashValue)
}
