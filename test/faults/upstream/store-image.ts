import { createHash } from 'node:crypto'

const digests = new WeakMap<Buffer, Readonly<{ md5: string; sha512: string }>>()

/** Of bytes that many images share they are worked out once. */
function digestsOf(bytes: Buffer) {
  const of = (name: string) => createHash(name).update(bytes).digest('hex')
  const known = digests.get(bytes) ?? { md5: of('md5'), sha512: of('sha512') }
  digests.set(bytes, known)
  return known
}

/** `none`: nothing is declared but the length. */
export type Declared = 'all' | 'md5' | 'none'

/** One image of the hostile store; what it says of it when it is not being hostile. */
export class StoreImage {
  readonly id: string
  bytes: Buffer
  declared: Declared
  status = 'active'
  updatedAt = '2026-01-02T03:04:05Z'

  constructor(id: string, bytes: Buffer, declared: Declared = 'all') {
    this.id = id
    this.bytes = bytes
    this.declared = declared
  }

  get md5(): string | undefined {
    return this.declared === 'none' ? undefined : digestsOf(this.bytes).md5
  }

  get record(): Record<string, unknown> {
    const hash = this.declared === 'all' ? digestsOf(this.bytes).sha512 : null
    return {
      id: this.id,
      name: `image ${this.id}`,
      status: this.status,
      size: this.bytes.length,
      checksum: this.md5 ?? null,
      os_hash_algo: hash === null ? null : 'sha512',
      os_hash_value: hash,
      updated_at: this.updatedAt,
      // Whether a store does ranges is remembered by its name: no case is to learn it from another.
      stores: `store of ${this.id}`,
    }
  }
}
