import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import { changed, head, type RightAnswer } from '../right-answer.ts'
import { type Effect, type Fault, whole } from './fault.ts'

type Changes = (right: RightAnswer) => Readonly<Record<string, string | null>>

const said = (name: string, effect: Effect, changes: Changes): Fault => ({
  name,
  effect,
  script: (right) => [whole(changed(right, changes(right)))],
})

/** Fields that say something else than the right ones, about right bytes. */
export const fieldFaults: readonly Fault[] = [
  said('Content-Type missing', 'harmless', () => ({ 'Content-Type': null })),
  said('another Content-Type', 'harmless', () => ({ 'Content-Type': 'text/html; charset=utf-7' })),
  said('a wrong ETag', 'harmless', () => ({ ETag: '"something else"' })),
  said('a wrong Last-Modified', 'harmless', () => ({ 'Last-Modified': 'Thu, 01 Jan 1970 00:00:00 GMT' })),
  said('Content-MD5 missing', 'harmless', () => ({ 'Content-MD5': null })),
  said('Content-MD5 in base64', 'harmless', () => ({ 'Content-MD5': 'Q2hlY2sgSW50ZWdyaXR5IQ==' })),
  said('Content-Encoding: identity', 'harmless', () => ({ 'Content-Encoding': 'identity' })),
  said('Accept-Ranges: none', 'harmless', () => ({ 'Accept-Ranges': 'none' })),
  said('Cache-Control: no-store', 'harmless', () => ({ 'Cache-Control': 'no-store' })),
  said('Connection that names Content-MD5', 'harmless', () => ({ Connection: 'content-md5' })),
]

/** Fields that make an answer one about another image. */
export const identityFaults: readonly Fault[] = [
  said('a wrong Content-MD5', 'contradicting', () => ({ 'Content-MD5': 'd41d8cd98f00b204e9800998ecf8427e' })),
]

/** Whoever asked for it gets what the store gives. */
const passedOn = {
  part: { client: 'as the store sent it', disk: 'nothing' },
  other: { client: 'as the store sent it', disk: 'not touched' },
} as const

/** Codings that nobody asked for. */
export const codings: readonly Fault[] = [
  compressed('gzip', (bytes) => gzipSync(bytes, { level: 1 })),
  compressed('deflate', (bytes) => deflateSync(bytes, { level: 1 })),
  compressed('br', (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })),
  {
    ...said('Content-Encoding that nobody knows', 'garbled', () => ({ 'Content-Encoding': 'x-ray' })),
    but: passedOn,
  },
]

function compressed(coding: string, compress: (bytes: Buffer) => Buffer): Fault {
  return {
    name: `compressed by ${coding} without asking`,
    effect: 'garbled',
    but: passedOn,
    script: (right) => {
      const body = compress(right.body)
      return [head(changed(right, { 'Content-Encoding': coding, 'Content-Length': String(body.length) })), body]
    },
  }
}
