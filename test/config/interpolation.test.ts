// biome-ignore-all lint/suspicious/noTemplateCurlyInString: in these strings ${name} is oslo.config's syntax
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, load, loadText, refused } from './config-case.ts'

const cases: readonly [what: string, text: string, username: string][] = [
  ['an option of the same group', 'username = $project_name-x', 'demo-x'],
  [
    'DEFAULT is not looked at when the own group has it',
    'username = $project_name\n[DEFAULT]\nproject_name = $no',
    'demo',
  ],
  ['in braces', 'username = ${project_name}x', 'demox'],
  ['an option of DEFAULT', 'username = $workers$bind_port', '19292'],
  ['the own group goes before DEFAULT', 'username = $insecure\n[DEFAULT]\ninsecure = theirs', 'false'],
  ['another group', 'username = ${cache.limit}.$cache.max_fills', 'soft.16'],
  [
    'a group of another program',
    'username = ${keystone_authtoken.username}\n[keystone_authtoken]\nusername = glance',
    'glance',
  ],
  [
    'an option of another program in DEFAULT',
    'username = $state_path/x\n[DEFAULT]\nstate_path = /var/lib',
    '/var/lib/x',
  ],
  ['references in references', 'username = $a\n[DEFAULT]\na = <$b>\nb = ${DEFAULT.bind_port}', '<9292>'],
  ['an option that is unset is empty', 'username = x$cafile', 'x'],
  ['plain dollar signs', 'username = $$a\\$b $1 $ ${} ${b-c} $', '$a$b $1 $ ${} ${b-c} $'],
  ['what is put in is not looked at again', 'username = ${a}project_name\n[DEFAULT]\na = $$', '$project_name'],
]

for (const [what, text, username] of cases) {
  test(`interpolation: ${what}`, (t) => {
    const argv = ['--keystone-password=p', '--keystone-auth-url=http://k:5000', '--keystone-project-name=demo']
    const { config } = accepted(loadText(t, `[keystone]\n${text}`, { argv }))
    assert.equal(config.keystone.username, username)
  })
}

test('paths: what is referred to is what the file says', (t) => {
  const text =
    '[DEFAULT]\nimage_cache_dir = $state_path/cache\nstate_path = /var/lib/glance\n[origin]\npath = $image_cache_dir/../images\n'
  const { config } = accepted(loadText(t, text))
  assert.equal(config.default.imageCacheDir, '/var/lib/glance/cache')
  assert.equal(config.origin.path, '/var/lib/glance/images')
})

test('environment and flags refer to options too, and are referred to', () => {
  const { config } = accepted(
    load({
      env: { OS_DEFAULT__STATE_PATH: '/state', OS_ORIGIN__PATH: '$state_path/i' },
      argv: ['--image-cache-dir=${origin.path}/../c'],
    }),
  )
  assert.equal(config.origin.path, '/state/i')
  assert.equal(config.default.imageCacheDir, '/state/c')
})

test('an unknown reference in an option that is not ours, or does not count, does no harm', (t) => {
  const text = '[DEFAULT]\ntransport_url = $nowhere\nbind_host = $nowhere\n[database]\nconnection = ${no.where}\n'
  assert.equal(accepted(loadText(t, text, { argv: ['--bind-host', '::1'] })).config.default.bindHost, '::1')
})

const faults: readonly [text: string, message: string][] = [
  [
    '[origin]\npath = $stat_path/x',
    '[origin] path from x.conf:2: $stat_path refers to no option that is set; a plain dollar sign is written $$',
  ],
  [
    '[origin]\npath = ${oringin.url}',
    '[origin] path from x.conf:2: $oringin.url refers to no option that is set; a plain dollar sign is written $$',
  ],
  [
    '[keystone]\npassword = pa$word',
    '[keystone] password from x.conf:2: a dollar sign refers to an option that is not set; a plain dollar sign is written $$',
  ],
  ['[DEFAULT]\nbind_host = $a\na = ${b}\nb = $a', '[DEFAULT] a from x.conf:3: refers to itself'],
  ['[DEFAULT]\nbind_host = $bind_host', '[DEFAULT] bind_host from x.conf:2: refers to itself'],
  ['[origin]\nurl = http://$type', '[origin] url from x.conf:2: refers to itself'],
]

for (const [text, message] of faults) {
  test(`refused: ${message}`, (t) => {
    assert.equal(refused(loadText(t, text)), message)
  })
}
