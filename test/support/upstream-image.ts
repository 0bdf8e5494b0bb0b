import { type Content, contentOf, digestOf } from './upstream-bytes.ts'

export type ImageOptions = Readonly<{
  id: string
  bytes: Buffer | Content
  /** Default `active`. `queued`: there is no data (204, and 500 to a Range). `deactivated`: 403. */
  status?: string
  /** Declared, right or wrong; worked out from the bytes when absent. */
  md5?: string
  hashAlgo?: string
  hashValue?: string
  updatedAt?: string
  stores?: string
  /** What is not declared: `md5` (record and Content-MD5), `hash` (os_hash_*), `size`, `stores`, in the record. */
  omit?: ReadonlyArray<'md5' | 'hash' | 'size' | 'stores'>
  /** More properties of the record. */
  properties?: Readonly<Record<string, unknown>>
}>

/** One image of the scripted upstream. */
export class UpstreamImage {
  readonly id: string
  readonly content: Content
  readonly options: ImageOptions
  status: string
  updatedAt: string
  #digests = new Map<string, string>()

  constructor(options: ImageOptions) {
    this.id = options.id
    this.content = contentOf(options.bytes)
    this.options = options
    this.status = options.status ?? 'active'
    this.updatedAt = options.updatedAt ?? '2026-01-02T03:04:05Z'
  }

  omits(what: 'md5' | 'hash' | 'size' | 'stores'): boolean {
    return this.options.omit?.includes(what) ?? false
  }

  /** Declared MD5, undefined when none is declared. */
  get md5(): string | undefined {
    return this.omits('md5') ? undefined : (this.options.md5 ?? this.#digest('md5'))
  }

  record(): Record<string, unknown> {
    const algorithm = this.options.hashAlgo ?? 'sha512'
    const hash = this.omits('hash') ? null : (this.options.hashValue ?? this.#digest(algorithm))
    return {
      name: `image ${this.id}`,
      disk_format: 'raw',
      container_format: 'bare',
      visibility: 'shared',
      size: this.omits('size') ? null : this.content.size,
      virtual_size: null,
      status: this.status,
      checksum: this.md5 ?? null,
      protected: false,
      min_ram: 0,
      min_disk: 0,
      owner: '669f60db122748a0a85d83b716a197d6',
      os_hidden: false,
      os_hash_algo: hash === null ? null : algorithm,
      os_hash_value: hash,
      id: this.id,
      created_at: '2026-01-02T03:04:05Z',
      updated_at: this.updatedAt,
      tags: [],
      self: `/v2/images/${this.id}`,
      file: `/v2/images/${this.id}/file`,
      schema: '/v2/schemas/image',
      ...(this.omits('stores') ? {} : { stores: this.options.stores ?? 'file' }),
      ...this.options.properties,
    }
  }

  #digest(algorithm: string): string {
    const known =
      this.#digests.get(algorithm) ??
      digestOf(this.content, algorithm.replace('sha3_', 'sha3-').replace('blake2b', 'blake2b512'))
    this.#digests.set(algorithm, known)
    return known
  }
}
