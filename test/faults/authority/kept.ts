import assert from 'node:assert/strict'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { getAttribute, listAttributes } from 'fs-xattr'
import { mustAsk } from '../../real/ask.ts'
import { get } from '../../support/client.ts'
import { saw } from '../matrix/seen.ts'
import type { Server } from './server.ts'
import { secretIn, secretsUsed } from './tokens.ts'

/** Where a secret might have been left by a server that runs. Each is all the text there is. */
const places: Readonly<Record<string, (server: Server, admin: string) => Promise<string>>> = {
  'its log, at level trace': ({ log }) => log(),
  'its metrics': async ({ operatorUrl }) => (await get(`${operatorUrl}/metrics`)).body.toString(),
  'what it tells of its state': async ({ url }, admin) => {
    const paths = ['/v2/cache', '/api/v1/cache/images', '/api/v1/cache/queue', '/api/v1/cache/incomplete']
    const answers = paths.map((path) => mustAsk(url + path, { token: admin }))
    return (await Promise.all(answers)).map(({ body, headers }) => JSON.stringify(headers) + body).join('\n')
  },
  'the cache directory: names, bytes and attributes': async ({ cacheDir }) => {
    const texts = (await readdir(cacheDir, { recursive: true })).map(async (name) => {
      const path = join(cacheDir, name)
      const stats = await stat(path)
      const attributes = await listAttributes(path)
      const values = await Promise.all(attributes.map((attribute) => getAttribute(path, attribute)))
      const bytes = stats.isFile() ? await readFile(path, 'latin1') : ''
      return [name, ...attributes, ...values.map((value) => value.toString('latin1')), bytes].join('\n')
    })
    return (await Promise.all(texts)).join('\n')
  },
  'its command line and environment': async ({ pid }) =>
    (await Promise.all(['cmdline', 'environ'].map((name) => readFile(`/proc/${pid}/${name}`, 'latin1')))).join('\n'),
}

/** Every secret of the suite is looked for wherever a server could have left it. */
export async function assertNothingKept(servers: readonly Server[], admin: string): Promise<void> {
  const secrets = secretsUsed()
  assert(secrets.length > 5, 'there is something to look for')
  for (const server of servers) {
    for (const [step, read] of Object.entries(places)) {
      const text = await read(server, admin)
      assert(text.length > 0, `${step}: there is something to look at`)
      assert.equal(secretIn(text, secrets), undefined, `${step} (${server.driver}) has a secret`)
      const fault = 'tokens and passwords of all callers'
      saw({ area: 'authority', fault, step, driver: server.driver, client: 'none of them', disk: 'none of them' })
    }
  }
}
