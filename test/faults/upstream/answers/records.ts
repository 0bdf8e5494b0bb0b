import { changed } from '../right-answer.ts'
import type { StoreImage } from '../store-image.ts'
import { type Effect, type Fault, whole } from './fault.ts'

/** The record as another text. */
const text = (name: string, of: (image: StoreImage) => string, effect: Effect = 'garbled'): Fault => ({
  name: `a record that ${name}`,
  effect,
  script: (right) => {
    const body = Buffer.from(of(right.image))
    return [whole({ ...changed(right, { 'Content-Length': String(body.length) }), body })]
  },
})

/** The record with other properties. */
const says = (name: string, of: (image: StoreImage) => Record<string, unknown>, effect: Effect = 'garbled'): Fault =>
  text(name, (image) => JSON.stringify({ ...image.record, ...of(image) }), effect)

const without = (name: string): Fault =>
  text(`has no ${name}`, ({ record }) =>
    JSON.stringify(Object.fromEntries(Object.entries(record).filter(([key]) => key !== name))),
  )

const another = '11111111-1111-4111-8111-111111111111'

/** What a record can say that is not so. Where nothing of it can be used, the image is passed on. */
export const recordFaults: readonly Fault[] = [
  text('is no JSON', () => 'yes'),
  text('is cut JSON', ({ record }) => JSON.stringify(record).slice(0, -1)),
  text('is empty', () => ''),
  text('is null', () => 'null'),
  text('is a list', ({ record }) => JSON.stringify([record])),
  text('is a text', () => '"active"'),
  text('is nested 100 000 deep', () => '['.repeat(100_000)),
  text('is 2 MiB long', ({ record }) => JSON.stringify({ ...record, padding: 'x'.repeat(2 << 20) })),
  text('begins with a byte order mark', ({ record }) => `\uFEFF${JSON.stringify(record)}`, 'garbled'),
  without('id'),
  without('status'),
  without('size'),
  says('is another image’s', () => ({ id: another })),
  says('is another image’s, of the same size, without digests', () => ({
    id: another,
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
  })),
  says('has the id null', () => ({ id: null })),
  says('has a number as id', () => ({ id: 5 })),
  says('has the size null', () => ({ size: null })),
  says('has a text as size', ({ bytes }) => ({ size: String(bytes.length) })),
  says('has a negative size', () => ({ size: -1 })),
  says('has a fraction as size', () => ({ size: 1.5 })),
  says('has a size of 0', () => ({ size: 0 })),
  text('has a size of 1e400', ({ record }) => JSON.stringify(record).replace(/"size":\d+/, '"size":1e400')),
  text('has a size of 2^53+1', ({ record }) => JSON.stringify(record).replace(/"size":\d+/, '"size":9007199254740993')),
  says('has a size of 2^53-1', () => ({ size: Number.MAX_SAFE_INTEGER }), 'contradicting'),
  says('has a size that is one too small', ({ bytes }) => ({ size: bytes.length - 1 }), 'contradicting'),
  says('has a size that is one too large', ({ bytes }) => ({ size: bytes.length + 1 }), 'contradicting'),
  says('has another MD5', () => ({ checksum: 'd41d8cd98f00b204e9800998ecf8427e' }), 'contradicting'),
  says('has another digest', () => ({ os_hash_value: 'ab'.repeat(64) }), 'false'),
  says('has a digest of another length', () => ({ os_hash_value: 'ab'.repeat(20) }), 'false'),
  says('has a digest that is no hex', () => ({ os_hash_value: 'no hex' }), 'harmless'),
  says('names an unknown digest', () => ({ os_hash_algo: 'rot13' }), 'harmless'),
  says('has a number as digest', () => ({ os_hash_value: 7 })),
  says('has a list as checksum', () => ({ checksum: [] })),
  says('has no digests at all', () => ({ checksum: null, os_hash_algo: null, os_hash_value: null }), 'harmless'),
  says('has the status null', () => ({ status: null })),
  says('has a number as status', () => ({ status: 200 })),
  says('has an unknown status', () => ({ status: 'dreaming' })),
  says('has the prototype of an object as property', () => ({ ['__proto__']: { size: 5 } }), 'harmless'),
  ...['queued', 'saving', 'importing', 'deactivated', 'deleted', 'pending_delete', 'killed'].map((status) =>
    says(`says ${status}, while the data comes`, () => ({ status })),
  ),
]
