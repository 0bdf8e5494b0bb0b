import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { openGlance } from '../../src/origin/glance/glance.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { because, began, bodyOf, callerOf, glanceAt, nobody } from '../support/upstream-glance.ts'

const run = promisify(execFile)

/** A self-signed certificate for these names, made by openssl: paths of its files, and their contents. */
async function selfSigned(t: TestContext, names: string) {
  const dir = await tempDir(t)
  const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const subject = ['-subj', '/CN=glance', '-addext', `subjectAltName=${names}`]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  await run('openssl', ['req', '-x509', '-days', '2', ...key, '-out', certFile, ...subject])
  return { cafile: certFile, tls: { key: await readFile(keyFile), cert: await readFile(certFile) } }
}

async function secure(t: TestContext, names = 'IP:127.0.0.1') {
  const { cafile, tls } = await selfSigned(t, names)
  const up = await startUpstream(t, { tls })
  const bytes = patternBytes(3_000_000)
  up.addImage({ id: 'one', bytes })
  return { up, cafile, bytes }
}

test('https with its CA in cafile, whatever Host the client has named', async (t) => {
  const { up, cafile, bytes } = await secure(t)
  const glance = glanceAt(t, up.url, { cafile })
  const warnings: Error[] = []
  const onWarning = (warning: Error) => warnings.push(warning)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  for (const host of ['images.example', 'other.example:9292', '192.0.2.1']) {
    assert.equal((await glance.ask('one', { ...callerOf('x'), host })).kind, 'granted')
  }
  assert.deepEqual(
    up.requests.map((request) => request.header('host')),
    ['images.example', 'other.example:9292', '192.0.2.1'],
  )
  assert.ok(up.connections <= 2, 'another Host needs no other connection')
  assert.ok((await bodyOf(await began(glance, 'one'))).equals(bytes))
  assert.deepEqual(warnings, [], 'Node warns of an address as server name')
})

test('https by name: the name in the url is the one that is checked', async (t) => {
  const { up, cafile } = await secure(t, 'DNS:localhost')
  const glance = glanceAt(t, up.url.replace('127.0.0.1', 'localhost'), { cafile })
  assert.equal((await glance.ask('one', { ...callerOf('x'), host: 'images.example' })).kind, 'granted')
  const wrong = glanceAt(t, up.url, { cafile })
  await assert.rejects(wrong.ask('one', { ...callerOf('x'), host: 'localhost' }), (error) => {
    assert.ok(because('unreachable')(error))
    return /its certificate is for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)/.test(String(error))
  })
})

test('a certificate of an unknown CA is refused with a word about cafile', async (t) => {
  const { up } = await secure(t)
  const other = await selfSigned(t, 'IP:127.0.0.1')
  for (const options of [{}, { cafile: other.cafile }]) {
    await assert.rejects(glanceAt(t, up.url, options).ask('one', nobody), (error) => {
      assert.ok(because('unreachable')(error))
      return /^OriginError: image store https:\/\/127\.0\.0\.1:\d+: its certificate is not signed by a CA known here: name that CA in cafile \(\w+\)$/.test(
        String(error),
      )
    })
  }
  assert.equal(up.requests.length, 0)
})

test('insecure: no certificate is checked', async (t) => {
  const { up } = await secure(t, 'DNS:elsewhere.example')
  assert.equal((await glanceAt(t, up.url, { insecure: true }).ask('one', nobody)).kind, 'granted')
})

test('a CA file that cannot be used is found at once', async (t) => {
  const broken = join(await tempDir(t), 'broken.pem')
  await writeFile(broken, 'no certificate')
  const options = { url: 'https://glance', insecure: false, connectTimeoutMs: 1, idleTimeoutMs: 1 }
  for (const cafile of [broken, '/nonexistent/ca.pem']) {
    assert.throws(() => openGlance({ ...options, cafile }), new RegExp(`^Error: cafile of the image store: ${cafile} `))
  }
})

test('a url that cannot be used is found at once', () => {
  const options = { insecure: false, connectTimeoutMs: 1, idleTimeoutMs: 1 }
  for (const url of ['', 'glance:9292', 'ftp://glance', '/v2', 'http://']) {
    assert.throws(() => openGlance({ ...options, url }), /^Error: url of the image store: expected http:/)
  }
  for (const url of ['http://user:secret@glance', 'http://glance/?a', 'http://glance/#a']) {
    assert.throws(
      () => openGlance({ ...options, url }),
      (error) => /credentials, a query or a fragment/.test(String(error)) && !/secret/.test(String(error)),
    )
  }
})
