import type { Facts } from './driver.ts'

/** Raised when a reader of the old form would be wrong about the new one; records of another version are ignored. */
const version = 1

/** Facts as a driver stores them: one line of JSON, the same in a table and in an attribute. */
export const encodeFacts = (facts: Facts): string => JSON.stringify({ version, ...facts })

/**
 * Facts from their stored form; undefined for anything that is not a whole record of our version. That is no failure:
 * the image counts as unverified then, and is proven again before it is served.
 */
export function decodeFacts(text: string | null | undefined): Facts | undefined {
  const record = parsed(text)
  if (record === undefined || record.version !== version) return undefined
  const { inode, size, modifiedAt, verifiedAt, md5, hashAlgo, hashValue } = record
  if (!isNumber(inode) || !isNumber(size) || !isNumber(modifiedAt) || !isNumber(verifiedAt)) return undefined
  if (!isOptionalText(md5) || !isOptionalText(hashAlgo) || !isOptionalText(hashValue)) return undefined
  return { inode, size, modifiedAt, md5, hashAlgo, hashValue, verifiedAt }
}

/** Whether both say the same, or neither says anything. */
export const sameFacts = (a: Facts | undefined, b: Facts | undefined): boolean =>
  a === undefined || b === undefined ? a === b : compared.every((name) => a[name] === b[name])

const compared = ['inode', 'size', 'modifiedAt', 'md5', 'hashAlgo', 'hashValue', 'verifiedAt'] as const satisfies Array<
  keyof Facts
>

function parsed(text: string | null | undefined): Partial<Record<string, unknown>> | undefined {
  if (!text) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    // Damaged or somebody else's: as good as absent.
    return undefined
  }
}

const isNumber = (value: unknown): value is number => typeof value === 'number'
const isOptionalText = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string'
