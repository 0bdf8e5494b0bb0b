import type { Found, ImageBytes } from './image-bytes.ts'

/** ISO 9660, and UDF beside it: a volume descriptor in one of the first sectors behind the system area. */
export async function lookForIso(bytes: ImageBytes): Promise<Found | undefined> {
  const descriptor = await bytes.read(32 << 10, 6)
  const mark = descriptor.toString('latin1', 1, 6)
  return ['CD001', 'NSR02', 'NSR03'].includes(mark) ? { format: 'iso', virtualSize: bytes.size } : undefined
}
