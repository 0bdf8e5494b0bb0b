import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { openDigests } from '../../src/cache/digest.ts'
import { nodeDigest, strongestProof } from '../../src/cache/digest-name.ts'
import { deadline } from '../support/deadline.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

describe('rule 18: digest names are hashlib’s', () => {
  for (const [hashlib, node] of [
    ['sha512', 'sha512'],
    ['SHA256', 'sha256'],
    ['sha3_512', 'sha3-512'],
    ['blake2b', 'blake2b512'],
    ['blake2s', 'blake2s256'],
    ['whirlpool9', undefined],
  ] as const) {
    test(`${hashlib} is ${node}`, () => assert.equal(nodeDigest(hashlib), node))
  }

  test('an unknown algorithm counts as undeclared: MD5 serves', () => {
    const declared = { md5: 'AB', hashAlgo: 'whirlpool9', hashValue: 'cd' }
    assert.deepEqual(strongestProof(declared), { algorithm: 'md5', value: 'ab' })
    assert.equal(strongestProof({ ...declared, md5: undefined }), undefined)
    assert.deepEqual(strongestProof({ ...declared, hashAlgo: 'sha3_256' }), { algorithm: 'sha3-256', value: 'cd' })
  })
})

describe('digests of growing files', () => {
  test('many at once, advancing in steps, each gives the digest of its file', async (t) => {
    const dir = await tempDir(t)
    await using digests = openDigests(2)
    const jobs = Array.from({ length: 6 }, async (_, number) => {
      const bytes = patternBytes(3_000_000 + number, number)
      const path = join(dir, String(number))
      await writeFile(path, bytes)
      await using file = await open(path)
      const algorithm = number % 2 === 0 ? 'sha512' : 'md5'
      const job = digests.start(file.fd, algorithm)
      for (let at = 0; at < bytes.length; at += 700_000) job.advance(at)
      job.advance(bytes.length)
      assert.equal(await deadline(job.end(), 'digest'), createHash(algorithm).update(bytes).digest('hex'))
    })
    await Promise.all(jobs)
  })

  test('a file that is too short is a failure, not a digest', async (t) => {
    const path = join(await tempDir(t), 'short')
    await writeFile(path, 'abc')
    await using file = await open(path)
    await using digests = openDigests(1)
    const job = digests.start(file.fd, 'sha512')
    job.advance(10)
    await assert.rejects(deadline(job.end(), 'digest'), /ends at 3/)
  })

  test('a dropped job lets go of its file, and the next one works', async (t) => {
    const path = join(await tempDir(t), 'file')
    await writeFile(path, 'abc')
    await using file = await open(path)
    await using digests = openDigests(1)
    const job = digests.start(file.fd, 'sha512')
    job.advance(3)
    await deadline(job.drop(), 'drop')
    await assert.rejects(job.end(), /dropped/)
    const next = digests.start(file.fd, 'md5')
    next.advance(3)
    assert.equal(await deadline(next.end(), 'digest'), createHash('md5').update('abc').digest('hex'))
  })

  test('threads that nobody waits for let the others go first, and only they', async (t) => {
    const path = join(await tempDir(t), 'file')
    await writeFile(path, 'abc')
    await using file = await open(path)
    for (const [isAwaited, lowered] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const known = new Set(threads())
      await using digests = openDigests(1, { isAwaited })
      const job = digests.start(file.fd, 'md5')
      job.advance(3)
      assert.equal(await deadline(job.end(), 'digest'), createHash('md5').update('abc').digest('hex'))
      const priority = getPriority()
      const low = threads().filter((thread) => !known.has(thread) && getPriority(thread) > priority)
      assert.equal(low.length, lowered)
    }
  })
})

/** The digest threads of this process. */
function threads(): number[] {
  const names = readdirSync('/proc/self/task')
  return names.filter((name) => readFileSync(`/proc/self/task/${name}/comm`, 'utf8').trim() === 'digest').map(Number)
}
