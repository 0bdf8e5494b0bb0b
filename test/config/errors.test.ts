// biome-ignore-all lint/suspicious/noTemplateCurlyInString: in these strings ${name} is oslo.config's syntax
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { LoadOptions } from '../../src/config/load-config.ts'
import { accepted, directoryWith, load, loadText, refused } from './config-case.ts'

/** What `x.conf` says, what else is given, and the one line that comes of it. */
const cases: readonly [text: string, options: Partial<LoadOptions>, message: string][] = [
  // Values of the wrong kind, from each place
  [
    '[DEFAULT]\nbind_port = 99999',
    {},
    '[DEFAULT] bind_port = "99999" from x.conf:2: expected a port number from 0 to 65535',
  ],
  [
    '',
    { env: { OS_CACHE__HOLD_BACK: 'maybe' } },
    '[cache] hold_back = "maybe" from OS_CACHE__HOLD_BACK: expected true, false, yes, no, on, off, 1 or 0',
  ],
  ['', { argv: ['--cache-limit', 'sfot'] }, '[cache] limit = "sfot" from --cache-limit: expected one of soft, hard'],
  ['[origin]\nidle_timeout = 0', {}, '[origin] idle_timeout = "0" from x.conf:2: expected a number from 0.1 to 86400'],
  [
    '[DEFAULT]\nbind_host = 0.0.0.0:9292',
    {},
    '[DEFAULT] bind_host = "0.0.0.0:9292" from x.conf:2: expected an IP address or a host name, without a port',
  ],
  [
    '[DEFAULT]\nimage_cache_max_size = 10GB',
    {},
    '[DEFAULT] image_cache_max_size = "10GB" from x.conf:2: expected a number of bytes, or one with K, M, G or T (or KiB, MiB, GiB, TiB) behind it',
  ],
  ['[DEFAULT]\nbind_port =', {}, '[DEFAULT] bind_port = "" from x.conf:2: expected a port number from 0 to 65535'],
  ['[DEFAULT]\nworkers = 1\n  2', {}, '[DEFAULT] workers = "1\\n2" from x.conf:2: expected an integer, at least 0'],
  [
    '[DEFAULT]\na = 9\nbind_port = ${a}${a}999',
    {},
    '[DEFAULT] bind_port = "99999" from x.conf:3: expected a port number from 0 to 65535',
  ],
  [
    '[origin]\nurl = glance:9292',
    {},
    '[origin] url = "glance:9292" from x.conf:2: expected an http or https URL without user, query or fragment, such as http://glance.example.org:9292',
  ],
  [
    '[origin]\nurl = http://me:hunter2@glance',
    {},
    '[origin] url = "http://****@glance" from x.conf:2: expected an http or https URL without user, query or fragment, such as http://glance.example.org:9292',
  ],
  ['[keystone]\npassword = hunter\n  2', {}, '[keystone] password = **** from x.conf:2: expected one line of text'],
  [
    '[DEFAULT]\nlog_level = constructor',
    {},
    '[DEFAULT] log_level = "constructor" from x.conf:2: expected one of trace, debug, info, warn, error, fatal, silent',
  ],
  [
    '[DEFAULT]\nimage_cache_driver = constructor',
    {},
    '[DEFAULT] image_cache_driver = "constructor" from x.conf:2: expected one of sqlite, xattr',
  ],
  [
    '[DEFAULT]\nimage_cache_driver = Centralized_DB',
    {},
    `[DEFAULT] image_cache_driver = "Centralized_DB" from x.conf:2: expected one of sqlite, xattr; that is Glance's database, which Afterimage does not use: override it with --image-cache-driver=sqlite or OS_DEFAULT__IMAGE_CACHE_DRIVER=sqlite`,
  ],
  // Names that nobody knows
  ['[origin]\n\nulr = http://x', {}, '[origin] ulr from x.conf:3: unknown option; did you mean url?'],
  ['[Origin]\nURL = http://x', {}, '[origin] URL from x.conf:2: unknown option; did you mean url?'],
  ['[authorization]\nsomething = 1', {}, '[authorization] something from x.conf:2: unknown option; there are ttl'],
  [
    '[management]\nauth = keystone',
    {},
    '[management] auth = "keystone" from x.conf:2: needs [keystone] auth_url, which tells who is an admin',
  ],
  [
    '[cache]\nconstructor = 1',
    {},
    '[cache] constructor from x.conf:2: unknown option; there are limit, min_free_space, hold_back, range_miss, max_fills, prefetch_concurrency, prefetch_interval, prune_interval, verify_interval, verify_rate',
  ],
  [
    '',
    { env: { OS_CACHE__MAXFILLS: '1' } },
    '[cache] maxfills from OS_CACHE__MAXFILLS: unknown option; did you mean max_fills?',
  ],
  ['', { argv: ['--bind-prot=1'] }, '--bind-prot: unknown flag; did you mean --bind-port?'],
  ['', { argv: ['--config_file', 'x'] }, '--config_file: unknown flag; did you mean --config-file?'],
  ['', { argv: ['--frobnicate'] }, '--frobnicate: unknown flag; --help lists all'],
  ['', { argv: ['--keystone-pasword=hunter2'] }, '--keystone-pasword: unknown flag; did you mean --keystone-password?'],
  ['', { argv: ['-v'] }, '-v: unknown flag; --help lists all'],
  ['', { argv: ['start'] }, 'unexpected argument "start": options are given as --name=value'],
  ['', { argv: [''] }, 'unexpected argument "": options are given as --name=value'],
  ['', { argv: ['--print-config=yes'] }, '--print-config: takes no value'],
  ['', { argv: ['--bind-port'] }, '--bind-port: expected a port number from 0 to 65535 behind it, found nothing'],
  [
    '',
    { argv: ['--bind-port', '--workers=1'] },
    '--bind-port: expected a port number from 0 to 65535 behind it, found nothing',
  ],
  ['', { argv: ['--config-file'] }, '--config-file: expected a file behind it, found nothing'],
  ['', { argv: ['--config-dir'] }, '--config-dir: expected a directory behind it, found nothing'],
  // Files
  ['', { argv: ['--config-file', 'no.conf'] }, 'cannot read the configuration file no.conf: no such file or directory'],
  [
    '',
    { argv: ['--config-file', 'no\n.conf'] },
    'cannot read the configuration file no .conf: no such file or directory',
  ],
  ['', { argv: ['--config-file', '.'] }, 'cannot read the configuration file .: illegal operation on a directory'],
  ['', { argv: ['--config-dir', 'no.d'] }, 'cannot read the configuration directory no.d: no such file or directory'],
  ['', { argv: ['--config-dir', 'x.conf'] }, 'cannot read the configuration directory x.conf: not a directory'],
  ['bind_port = 1', {}, 'x.conf:1: an option before the first [group]: write [DEFAULT] above it'],
  // Options that contradict one another
  [
    '[origin]\ntype = glance',
    {},
    '[origin] type = "glance" from x.conf:2: needs [origin] url, the endpoint of the image service',
  ],
  [
    '[keystone]\nusername = cache',
    {},
    '[keystone] username = "cache" from x.conf:2: needs [keystone] auth_url, password, project_name as well',
  ],
  [
    '[keystone]\nauth_url = http://k\npassword = hunter2',
    {},
    '[keystone] password = **** from x.conf:3: needs [keystone] username, project_name as well',
  ],
  [
    '',
    { env: { OS_KEYSTONE__PROJECT_NAME: 'p' } },
    '[keystone] project_name = "p" from OS_KEYSTONE__PROJECT_NAME: needs [keystone] auth_url, username, password as well',
  ],
  [
    '[origin]\npath = /srv/c',
    { argv: ['--image-cache-dir=/srv/./c/'] },
    '[DEFAULT] image_cache_dir = "/srv/c" from --image-cache-dir: expected another directory than [origin] path (x.conf:2)',
  ],
  [
    '[DEFAULT]\nbind_port = 9293',
    {},
    '[management] bind_port = "9293" from default: expected another port than that of the image API (x.conf:2)',
  ],
  [
    '[DEFAULT]\nbind_host = ::1\n[management]\nbind_host = ::\nbind_port = 9292',
    {},
    '[management] bind_port = "9292" from x.conf:5: expected another port than that of the image API (default)',
  ],
]

for (const [text, options, message] of cases) {
  test(`refused: ${message}`, (t) => {
    assert.equal(refused(loadText(t, text, options)), message)
  })
}

test('a file that is not text is refused', (t) => {
  const cwd = directoryWith(t, {})
  writeFileSync(join(cwd, 'x.conf'), Buffer.from([0x5b, 0x67, 0x5d, 0xff]))
  const message = 'cannot read the configuration file x.conf: it is not UTF-8 text'
  assert.equal(refused(load({ cwd, argv: ['--config-file', 'x.conf'] })), message)
})

test('a long value is cut in the message', () => {
  const message = refused(load({ argv: [`--bind-port=${'9'.repeat(5000)}`] }))
  assert.ok(message.length < 300, message)
  assert.match(message, /9…" from --bind-port: expected/)
})

const warned: readonly [text: string, options: Partial<LoadOptions>, warnings: readonly string[]][] = [
  [
    '[DEFAULT]\nimage_cache_dri = /x',
    {},
    ['x.conf:2: image_cache_dri in [DEFAULT] is ignored; did you mean image_cache_dir?'],
  ],
  [
    '[DEFAULT]\nimage-cache-dir = /x',
    {},
    ['x.conf:2: image-cache-dir in [DEFAULT] is ignored; did you mean image_cache_dir?'],
  ],
  [
    '',
    { env: { OS_DEFAULT__BINDPORT: '1' } },
    ['OS_DEFAULT__BINDPORT: bindport in [DEFAULT] is ignored; did you mean bind_port?'],
  ],
  ['[default]\nbind_port = 1', {}, ['x.conf:2: bind_port in group "default" is ignored; did you mean [DEFAULT]?']],
  ['[orgin]\nurl = http://x', {}, ['x.conf:2: url in group "orgin" is ignored; did you mean [origin]?']],
  [
    '[origin]\nurl = http://x\ntype = directory',
    {},
    ["x.conf:2: [origin] url is not used, as the origin's type is directory"],
  ],
  ['[cache]\nenabled = true\nbackend = oslo_cache.memcache_pool\nredis_server = r', {}, []],
  ['[DEFAULT]\nworkers = 8', {}, []],
  ['[DEFAULT]\nworkers = 0\nbind_port = 0\n[management]\nbind_port = 0', {}, []],
  ['[DEFAULT]\nbind_host = ::1\nbind_port = 9293', {}, []],
  ['[keystone]\nauth_url = http://k', {}, []],
  ['[DEFAULT]\nbind_host = 0.0.0.0', {}, []],
  [
    '[DEFAULT]\nbind_host = 0.0.0.0\n[management]\nauth = none',
    {},
    ['x.conf:4: [management] auth = none: whoever reaches 0.0.0.0 may manage the cache'],
  ],
]

for (const [text, options, warnings] of warned) {
  test(`accepted, with ${warnings.length === 0 ? `no warning: ${JSON.stringify(text)}` : `a warning: ${warnings}`}`, (t) => {
    assert.deepEqual(accepted(loadText(t, text, options)).warnings, warnings)
  })
}
