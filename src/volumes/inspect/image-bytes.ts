/** An image as its bytes, wherever they lie. */
export interface ImageBytes {
  /** Bytes in all. */
  readonly size: number
  /** `length` bytes from `position`; fewer only at the end of the image, none behind it. */
  read(position: number, length: number): Promise<Buffer>
}

/** Says in `message` what is wrong with the image, in words for the one who wanted it. */
export class ImageUnacceptable extends Error {
  readonly code = 'IMAGE_UNACCEPTABLE'
  constructor(message: string) {
    super(message)
    this.name = 'ImageUnacceptable'
  }
}

/** What an image is, by its own bytes. */
export type Found = Readonly<{
  format: AcceptedFormat
  /** Bytes of the disk that it describes; undefined when only its program can tell for sure. */
  virtualSize: number | undefined
}>

/** By the names that qemu-img has for them, but for `iso`, which it calls raw. */
export type AcceptedFormat = 'raw' | 'qcow2' | 'vmdk' | 'vpc' | 'iso'

/**
 * Looks for one format. undefined: the image is not of it. Throws ImageUnacceptable when it is, and must not be opened.
 */
export type Look = (bytes: ImageBytes) => Promise<Found | undefined>

/** A size of 64 bits as a number. */
export function safeSize(size: bigint, what: string): number {
  if (size > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ImageUnacceptable(`${what} of ${size} bytes is beyond all reason`)
  return Number(size)
}
