import { createHash, randomBytes } from 'node:crypto'
import { mustAsk, textAt } from './ask.ts'
import { tokenOf } from './keystone.ts'
import { stack } from './stack.ts'

const MiB = 1024 * 1024

/** What a test knows about an image beforehand. */
export type TestImage = Readonly<{ id: string; size: number; sha256: string }>

/** Random bytes, in pieces of one MiB, and their digest once they have been taken. */
export function randomImage(size: number): Readonly<{ bytes: AsyncIterable<Buffer>; sha256: () => string }> {
  const hash = createHash('sha256')
  async function* generate() {
    for (let left = size; left > 0; left -= MiB) {
      const piece = randomBytes(Math.min(left, MiB))
      hash.update(piece)
      yield piece
    }
  }
  return { bytes: generate(), sha256: () => hash.digest('hex') }
}

/** An image record without data, `shared` (private until members are added) as is Glance's default. Gives its id. */
export async function createRecord(token: string, url: string = stack.glanceUrl): Promise<string> {
  const json = { name: 'test', disk_format: 'raw', container_format: 'bare' }
  return textAt(await mustAsk(`${url}/v2/images`, { method: 'POST', token, json }), 'id')
}

/** Creates an active image of random bytes, at Glance itself unless another URL is given. */
export async function createImage(token: string, size: number, url: string = stack.glanceUrl): Promise<TestImage> {
  const id = await createRecord(token, url)
  const { bytes, sha256 } = randomImage(size)
  const headers = { 'content-type': 'application/octet-stream' }
  await mustAsk(`${url}/v2/images/${id}/file`, { method: 'PUT', token, headers, body: bytes })
  return { id, size, sha256: sha256() }
}

/**
 * Creates an active image whose bytes lie on a web server: Glance's `http` store, which can do no ranges, like those for
 * Ceph, Swift and S3. Only an admin may say where an image lies.
 */
export async function createWebImage(owner: string, bytes: Buffer, location: string): Promise<TestImage> {
  const id = await createRecord(owner)
  const digest = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex')
  const validation = { os_hash_algo: 'sha512', os_hash_value: digest('sha512'), checksum: digest('md5') }
  const value = { url: location, metadata: {}, validation_data: validation }
  const body = JSON.stringify([{ op: 'add', path: '/locations/-', value }])
  const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
  const token = await tokenOf('admin')
  await mustAsk(`${stack.glanceUrl}/v2/images/${id}`, { method: 'PATCH', token, headers, body })
  return { id, size: bytes.length, sha256: digest('sha256') }
}

/** Glance takes and gives it under this path. */
export const filePath = (id: string) => `/v2/images/${id}/file`
