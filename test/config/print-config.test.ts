import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, load, loadText, printed } from './config-case.ts'

const rich = `[DEFAULT]
bind_host = ::1
image_cache_dir = /srv/a$$b
image_cache_sqlite_db = " 'odd' name "
image_cache_max_size = 200G
[origin]
url = https://glance.example.org/image/
path = /srv/images
idle_timeout = 1.5
insecure = yes
[cache]
limit = HARD
`

test('--print-config: every option, its value and where it comes from', () => {
  const text = printed(
    load({ argv: ['--print-config', '--origin-idle-timeout=5'], env: { OS_CACHE__MAX_FILLS: '3' }, cwd: '/here' }),
  )
  assert.match(text, /^\[DEFAULT\]\n# default\nbind_host = 127\.0\.0\.1\n# default\nbind_port = 9292\n/)
  assert.match(text, /\n# default\nimage_cache_dir = \/here\/var\/cache\n/)
  assert.match(text, /\n# --origin-idle-timeout\nidle_timeout = 5\n/)
  assert.match(text, /\n# OS_CACHE__MAX_FILLS\nmax_fills = 3\n/)
  assert.match(text, /\n# default\nurl =\n/)
})

test('--print-config: what it prints gives the same configuration and warnings again', (t) => {
  const { config, warnings } = accepted(loadText(t, rich))
  assert.deepEqual(warnings, [])
  assert.equal(config.default.imageCacheDir, '/srv/a$b')
  assert.equal(config.default.imageCacheSqliteDb, " 'odd' name ")
  const text = printed(loadText(t, rich, { argv: ['--print-config'] }))
  const read = accepted(loadText(t, text))
  assert.deepEqual({ config: read.config, warnings: read.warnings }, { config, warnings })

  const again = printed(loadText(t, text, { argv: ['--print-config'] }))
  assert.equal(withoutComments(again), withoutComments(text))
})

test('--print-config: quotes that are part of a value stay', (t) => {
  for (const value of [`"a"`, `'`, `"`, `a"`, ` x`, `"a'`]) {
    const argv = [`--image-cache-sqlite-db=${value}`]
    const text = printed(load({ argv: [...argv, '--print-config'] }))
    assert.equal(accepted(loadText(t, text)).config.default.imageCacheSqliteDb, value)
  }
})

test('--print-config: passwords are masked, and the mask is not taken for one', (t) => {
  const secret = '[keystone]\nauth_url = http://k:5000\nusername = cache\nproject_name = service\npassword = hunter2\n'
  const text = printed(loadText(t, secret, { argv: ['--print-config'] }))
  assert.ok(!text.includes('hunter2'))
  assert.match(text, /\n# x\.conf:5\n# password = \*\*\*\*\n/)
  const env = { OS_KEYSTONE__PASSWORD: 'hunter2' }
  assert.equal(accepted(loadText(t, text, { env })).config.keystone.password, 'hunter2')
})

test('--print-config: warnings come first, as comments', () => {
  const text = printed(load({ argv: ['--print-config', '--origin-type=directory', '--origin-url=http://x'] }))
  assert.match(
    text,
    /^# warning: --origin-url: \[origin\] url is not used, as the origin's type is directory\n\[DEFAULT\]\n/,
  )
})

function withoutComments(text: string): string {
  return text.replace(/^#.*\n/gm, '')
}
