import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accepted, directoryWith, load, loadText, printed, refused } from './config-case.ts'

test('nothing given: the defaults of a checkout', () => {
  const { config, warnings } = accepted(load({ cwd: '/srv/afterimage' }))
  assert.deepEqual(warnings, [])
  assert.deepEqual(config.default, {
    bindHost: '127.0.0.1',
    bindPort: 9292,
    workers: 1,
    imageCacheDir: '/srv/afterimage/var/cache',
    imageCacheDriver: 'sqlite',
    imageCacheMaxSize: 10 * 1024 ** 3,
    imageCacheStallTime: 86400,
    imageCacheSqliteDb: 'cache.db',
    logLevel: 'info',
    gracefulShutdownTimeout: 60,
  })
  assert.deepEqual(config.origin, {
    type: 'directory',
    url: undefined,
    path: '/srv/afterimage/var/images',
    cafile: undefined,
    insecure: false,
    connectTimeout: 10,
    idleTimeout: 60,
  })
  assert.deepEqual(config.authorization, { ttl: 30 })
  config satisfies {
    default: { bindPort: number; imageCacheDriver: 'sqlite' | 'xattr'; imageCacheDir: string }
    origin: { type: 'glance' | 'directory'; url: string | undefined; insecure: boolean }
  }
  assert.deepEqual(config.cache, {
    limit: 'soft',
    minFreeSpace: 1024 ** 3,
    holdBack: true,
    rangeMiss: 'pass',
    maxFills: 16,
    prefetchConcurrency: 4,
    prefetchInterval: 0,
    pruneInterval: 0,
    verifyInterval: 0,
    verifyRate: 100 * 1024 ** 2,
  })
  assert.deepEqual(config.management, {
    auth: 'none',
    adminRoles: ['admin'],
    cachedImagesApi: true,
    bindHost: '127.0.0.1',
    bindPort: 9293,
  })
})

test('installed: the paths of a service', (t) => {
  const cwd = directoryWith(t, {})
  const { config } = accepted(load({ installed: true, cwd, defaultFile: `${cwd}/none.conf` }))
  assert.equal(config.default.imageCacheDir, '/var/lib/afterimage/cache')
  assert.equal(config.origin.path, '/var/lib/afterimage/images')
})

test('the whole configuration is frozen', () => {
  const { config } = accepted(load({}))
  assert.ok(Object.isFrozen(config))
  for (const group of Object.values(config)) assert.ok(Object.isFrozen(group))
})

test('a later file over an earlier one, directories over files, environment over both, flags over all', (t) => {
  const ports = (port: number) => `[DEFAULT]\nbind_port = ${port}\n`
  const cwd = directoryWith(t, {
    'a.conf': `${ports(1)}workers = 0\n`,
    'b.conf': ports(2),
    'd/20.conf': ports(4),
    'd/10.conf': ports(3),
    'd/30.txt': ports(5),
    'd/.40.conf': 'an editor leaves such files',
  })
  const files = ['--config-dir', 'd', '--config-file', 'a.conf', '--config-file=b.conf']
  const port = (argv: string[], env = {}) => accepted(load({ cwd, argv, env })).config.default.bindPort
  assert.equal(port(files.slice(2, 4)), 1)
  assert.equal(port(files.slice(2)), 2)
  assert.equal(port([...files.slice(4), ...files.slice(2, 4)]), 1)
  assert.equal(port(files), 4)
  assert.equal(port(files, { OS_DEFAULT__BIND_PORT: '7' }), 7)
  assert.equal(port([...files, '--bind-port', '8'], { OS_DEFAULT__BIND_PORT: '7' }), 8)
  assert.equal(port(['--bind-port', '8', ...files, '--bind-port=9']), 9)
  assert.equal(accepted(load({ cwd, argv: files })).config.default.workers, 0)
})

test('the default file is read when installed and nothing else is named', (t) => {
  const cwd = directoryWith(t, { 'afterimage.conf': '[cache]\nmax_fills = 3\n', 'x.conf': '', 'd/x': '' })
  const fills = (argv: string[], installed: boolean) =>
    accepted(load({ cwd, argv, installed, defaultFile: `${cwd}/afterimage.conf` })).config.cache.maxFills
  assert.equal(fills([], true), 3)
  assert.equal(fills([], false), 16)
  assert.equal(fills(['--config-file', 'x.conf'], true), 16)
  assert.equal(fills(['--config-dir', 'd'], true), 16)
})

test('a default file that is there but no file is an error', (t) => {
  const cwd = directoryWith(t, { 'x/y': '' })
  const message = refused(load({ cwd, installed: true, defaultFile: `${cwd}/x` }))
  assert.equal(message, `cannot read the configuration file ${cwd}/x: illegal operation on a directory`)
})

test('the last of several in one file counts, also in two sections of one name', (t) => {
  const { config } = accepted(loadText(t, '[cache]\nlimit=hard\nmax_fills=1\nmax_fills=2\n[Cache]\nlimit=soft\n'))
  assert.equal(config.cache.limit, 'soft')
  assert.equal(config.cache.maxFills, 2)
})

test('an empty value unsets what has no default, and so lower places', (t) => {
  const result = loadText(t, '[origin]\nurl = http://glance:9292\ncafile =\n', { env: { OS_ORIGIN__URL: '' } })
  const { config } = accepted(result)
  assert.equal(config.origin.url, undefined)
  assert.equal(config.origin.type, 'directory')
  assert.equal(config.origin.cafile, undefined)
})

test('only what counts is looked at', (t) => {
  const { config } = accepted(loadText(t, '[DEFAULT]\nbind_port = x\n', { argv: ['--bind-port', '1'] }))
  assert.equal(config.default.bindPort, 1)
})

test('a byte order mark is no part of the file', (t) => {
  assert.equal(accepted(loadText(t, '\ufeff[cache]\nlimit = hard')).config.cache.limit, 'hard')
})

test('flags: a value beside or behind, a boolean alone, negative numbers', () => {
  const { config } = accepted(
    load({ argv: ['--origin-insecure', '--cache-hold-back=no', '--keystone-insecure', 'yes', '--log-level', 'WARN'] }),
  )
  assert.equal(config.origin.insecure, true)
  assert.equal(config.cache.holdBack, false)
  assert.equal(config.keystone.insecure, true)
  assert.equal(config.default.logLevel, 'warn')
  const message = refused(load({ argv: ['--workers', '-1'] }))
  assert.equal(message, '[DEFAULT] workers = "-1" from --workers: expected an integer, at least 0')
})

test('who may manage: an admin where Keystone is known, everybody only with a store of its own on loopback', () => {
  const auth = (...argv: string[]) => accepted(load({ argv })).config.management.auth
  const glance = '--origin-url=https://glance.example.org/'
  assert.equal(auth(), 'none')
  assert.equal(auth('--bind-host=0.0.0.0'), 'disabled')
  assert.equal(auth('--management-bind-host=0.0.0.0'), 'disabled')
  assert.equal(auth(glance), 'disabled', 'everybody may come from loopback, by a proxy on the machine')
  assert.equal(auth(glance, '--keystone-auth-url=https://keystone.example.org/v3'), 'keystone')
  assert.equal(auth(glance, '--management-auth=none'), 'none')
})

test('type of the origin: glance when there is a url, unless it is said', () => {
  const url = '--origin-url=https://glance.example.org/'
  assert.equal(accepted(load({ argv: [url] })).config.origin.type, 'glance')
  const said = accepted(load({ argv: [url, '--origin-type', 'Directory'] }))
  assert.equal(said.config.origin.type, 'directory')
  assert.deepEqual(said.warnings, ["--origin-url: [origin] url is not used, as the origin's type is directory"])
})

test('--help and --version print, whatever else is wrong', () => {
  for (const argv of [['--help'], ['-h'], ['--nonsense', '--help'], ['--config-file', '/nowhere', '-h']]) {
    assert.match(printed(load({ argv })), /^Usage: afterimage-api /)
  }
  assert.match(printed(load({ argv: ['--version'] })), /^afterimage \d+\.\d+\.\d+\n$/)
})

test('--help shows every flag, variable and default', () => {
  const help = printed(load({ argv: ['--help'] }))
  assert.match(help, /--cache-limit CHOICE\n.*\n {6}one of soft, hard\n {6}OS_CACHE__LIMIT; default: soft\n/)
  assert.match(help, /--origin-url URL\n.*\n.*\n {6}OS_ORIGIN__URL; default: unset\n/)
})
