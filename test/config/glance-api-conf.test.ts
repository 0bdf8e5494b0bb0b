// biome-ignore-all lint/suspicious/noTemplateCurlyInString: in these strings ${name} is oslo.config's syntax
import assert from 'node:assert/strict'
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { optionGroups } from '../../src/config/option-list.ts'
import { accepted, load, loadText, refused } from './config-case.ts'

const fixture = join(import.meta.dirname, 'fixtures/glance-api.conf')
const packaged = '/etc/glance/glance-api.conf'
const skip = isReadable(packaged) ? false : `${packaged}, of Debian's package glance-api, is not here or not readable`

test('a glance-api.conf starts us as it is', () => {
  const { config, warnings } = accepted(load({ argv: ['--config-file', fixture] }))
  assert.deepEqual(config.default, {
    bindHost: '0.0.0.0',
    bindPort: 9292,
    workers: 4,
    imageCacheDir: '/var/lib/glance/image-cache',
    imageCacheDriver: 'xattr',
    imageCacheMaxSize: 53687091200,
    imageCacheStallTime: 43200,
    imageCacheSqliteDb: 'cache.db',
    logLevel: 'info',
    gracefulShutdownTimeout: 20,
  })
  assert.equal(config.origin.type, 'directory')
  assert.deepEqual(warnings, [])
})

test('what is ours goes beside it, and may refer to it', () => {
  const argv = ['--config-file', fixture, '--origin-url', 'http://127.0.0.1:9393', '--origin-type=glance']
  const env = {
    OS_KEYSTONE__AUTH_URL: 'http://127.0.0.1:5000/v3',
    OS_KEYSTONE__USERNAME: '${keystone_authtoken.username}',
    OS_KEYSTONE__PASSWORD: '${keystone_authtoken.password}',
    OS_KEYSTONE__PROJECT_NAME: 'service',
    OS_DEFAULT__WORKERS: '1',
  }
  const { config, warnings } = accepted(load({ argv, env }))
  assert.equal(config.origin.url, 'http://127.0.0.1:9393')
  assert.equal(config.keystone.username, 'glance')
  assert.equal(config.keystone.password, 'pa$word')
  assert.deepEqual(warnings, [])
})

test("Glance's newest default driver is refused, and overridden as the message says", (t) => {
  const text = '[DEFAULT]\nimage_cache_driver = centralized_db\n'
  assert.match(refused(loadText(t, text)), /--image-cache-driver=sqlite/)
  const env = { OS_DEFAULT__IMAGE_CACHE_DRIVER: 'sqlite' }
  assert.equal(accepted(loadText(t, text, { env })).config.default.imageCacheDriver, 'sqlite')
  assert.equal(
    accepted(loadText(t, text, { argv: ['--image-cache-driver=xattr'] })).config.default.imageCacheDriver,
    'xattr',
  )
})

test("Debian's file: no warning, and its cache options are taken", { skip }, (t) => {
  assert.deepEqual(accepted(load({ argv: ['--config-file', packaged] })).warnings, [])

  const edited = readFileSync(packaged, 'utf8')
    .replace(/^#?image_cache_dir =.*$/m, 'image_cache_dir = /var/lib/glance/image-cache')
    .replace(/^#?image_cache_driver =.*$/m, 'image_cache_driver = xattr')
    .replace(/^#?image_cache_max_size =.*$/m, 'image_cache_max_size = 1073741824')
  const { config, warnings } = accepted(loadText(t, edited))
  assert.deepEqual(warnings, [])
  assert.equal(config.default.imageCacheDir, '/var/lib/glance/image-cache')
  assert.equal(config.default.imageCacheDriver, 'xattr')
  assert.equal(config.default.imageCacheMaxSize, 1073741824)
})

test("every option in Debian's file, set to something: no warning, no group taken for ours", { skip }, (t) => {
  const ours = new Set(Object.keys(optionGroups.get('DEFAULT')?.options ?? {}))
  const lines = readFileSync(packaged, 'utf8').split('\n')
  const uncommented = lines.flatMap((line) => {
    if (line.startsWith('[')) return [line]
    const name = /^#?([a-z0-9_]+) ?=/.exec(line)?.[1]
    return name === undefined || ours.has(name) ? [] : [`${name} = $nonsense`]
  })
  assert.ok(uncommented.length > 400, `only ${uncommented.length} lines found`)
  assert.deepEqual(accepted(loadText(t, uncommented.join('\n'))).warnings, [])
})

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK)
    return true
  } catch {
    // Not here, or not ours to read: the tests say so and are skipped.
    return false
  }
}
