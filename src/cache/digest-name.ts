import { getHashes } from 'node:crypto'

/** How an image is proven: Node's name of the digest, and the value declared by the upstream in lower-case hex. */
export type Proof = Readonly<{ algorithm: string; value: string }>

/** What the upstream declares about an image's bytes (hashlib's names, as Glance's `os_hash_algo` has them). */
export type Declared = Readonly<{
  md5: string | undefined
  hashAlgo: string | undefined
  hashValue: string | undefined
}>

const openssl = new Map([
  ['sha3_224', 'sha3-224'],
  ['sha3_256', 'sha3-256'],
  ['sha3_384', 'sha3-384'],
  ['sha3_512', 'sha3-512'],
  ['blake2b', 'blake2b512'],
  ['blake2s', 'blake2s256'],
])
const known = new Set(getHashes().map((name) => name.toLowerCase()))

/** Node's name for a digest of Python's hashlib, undefined when this Node cannot compute it. */
export function nodeDigest(hashlibName: string): string | undefined {
  const lower = hashlibName.toLowerCase()
  const name = openssl.get(lower) ?? lower
  return known.has(name) ? name : undefined
}

/**
 * The strongest proof that the declaration allows: the multihash, else MD5, else undefined (then only the length
 * proves anything). An algorithm that we cannot compute counts as undeclared.
 */
export function strongestProof(declared: Declared): Proof | undefined {
  const algorithm = declared.hashAlgo === undefined ? undefined : nodeDigest(declared.hashAlgo)
  if (algorithm !== undefined && declared.hashValue !== undefined) {
    return { algorithm, value: declared.hashValue.toLowerCase() }
  }
  return declared.md5 === undefined ? undefined : { algorithm: 'md5', value: declared.md5.toLowerCase() }
}
