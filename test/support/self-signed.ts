import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { tempDir } from './temp-dir.ts'

const run = promisify(execFile)

/** A self-signed certificate for 127.0.0.1, made by openssl: its file, and what a server needs. */
export async function selfSigned(t: TestContext) {
  const dir = await tempDir(t)
  const [keyFile, cafile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  await run('openssl', ['req', '-x509', '-days', '2', ...key, '-out', cafile, ...subject])
  return { cafile, tls: { key: await readFile(keyFile), cert: await readFile(cafile) } }
}
