import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readCloud } from '../../src/cli/clouds-yaml.ts'
import { CommandFailed } from '../../src/cli/errors.ts'
import { tempDir } from '../support/temp-dir.ts'

async function places(t: TestContext, files: Readonly<Record<string, string>>, env: Record<string, string> = {}) {
  const dir = await tempDir(t)
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true })
    await writeFile(join(dir, name), text)
  }
  const inside = Object.fromEntries(Object.entries(env).map(([name, file]) => [name, join(dir, file)]))
  await mkdir(join(dir, 'work'), { recursive: true })
  return { dir, env: inside, cwd: join(dir, 'work'), home: dir }
}

const cloudOf = (url: string) => `clouds:\n  here:\n    auth:\n      auth_url: ${url}\n`

test('the file that the environment names, then the working directory, then the home directory', async (t) => {
  const named = await places(
    t,
    {
      'named.yaml': cloudOf('http://named'),
      'work/clouds.yaml': cloudOf('http://work'),
      '.config/openstack/clouds.yaml': cloudOf('http://home'),
    },
    { OS_CLIENT_CONFIG_FILE: 'named.yaml' },
  )
  const url = (env: Record<string, string>) => readCloud('here', { ...named, env }).auth.auth_url
  assert.equal(url(named.env), 'http://named')
  assert.equal(url({}), 'http://work')
  assert.equal(readCloud('here', { ...named, env: {}, cwd: named.dir }).auth.auth_url, 'http://home')
})

test('scalars stay the text that was written, secure.yaml adds, other names mean the same', async (t) => {
  const at = await places(t, {
    'work/clouds.yaml': `
clouds:
  here:
    region_name: RegionOne
    verify: False
    cacert: ~/ca.pem
    user_domain_name: beside
    auth: &auth
      auth_url: http://keystone:5000
      username: 007
      password: in-clouds
      tenant_name: no
  copy:
    auth:
      <<: *auth
`,
    'work/secure.yaml': 'clouds:\n  here:\n    auth:\n      password: 0123\n',
  })
  assert.deepEqual(readCloud('here', at), {
    auth: {
      auth_url: 'http://keystone:5000',
      username: '007',
      password: '0123',
      project_name: 'no',
      user_domain_name: 'beside',
    },
    cacert: join(at.dir, 'ca.pem'),
    verify: false,
  })
})

test('an anchor merged into another cloud', async (t) => {
  const at = await places(t, {
    'work/clouds.yml':
      'clouds:\n  a:\n    auth: &auth {username: one, password: two}\n  b:\n    auth:\n      <<: *auth\n      username: three\n',
  })
  assert.deepEqual(readCloud('b', at), {
    auth: { username: 'three', password: 'two' },
    cacert: undefined,
    verify: true,
  })
})

test('insecure wins over verify and cacert', async (t) => {
  const at = await places(t, {
    'work/clouds.yaml':
      'clouds:\n  a: {insecure: yes, verify: true}\n  b: {insecure: False}\n  c: {insecure: geheim}\n',
  })
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => readCloud(name, at).verify),
    [false, true, true],
  )
})

const says = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CommandFailed)
  assert.match(error.message, message)
  assert.doesNotMatch(`${error.stack}`, /geheim/)
  return true
}

test('what is wrong is said by file and line, without what stands there', async (t) => {
  const broken = await places(t, { 'work/clouds.yaml': 'clouds:\n  here:\n    auth: {password: "geheim\n' })
  assert.throws(() => readCloud('here', broken), says(/work\/clouds\.yaml, line \d: this is no YAML \([A-Z_]+\)\.$/))
  const other = await places(t, { 'work/clouds.yaml': 'clouds:\n  one: {}\n  two: {}\n' })
  assert.throws(
    () => readCloud('here', other),
    says(/^Cloud here was not found in .*clouds\.yaml, which has one, two\.$/),
  )
  assert.throws(() => readCloud('here', { ...other, cwd: other.dir }), says(/there is no clouds\.yaml in .*openstack/))
  const none = await places(t, {}, { OS_CLIENT_CONFIG_FILE: 'nowhere.yaml' })
  assert.throws(() => readCloud('here', none), says(/nowhere\.yaml, named by the environment, does not exist\.$/))
  // A password that begins with an asterisk and is not quoted.
  const alias = await places(t, { 'work/clouds.yaml': 'clouds:\n  here:\n    auth: {password: *geheim }\n' })
  assert.throws(() => readCloud('here', alias), says(/work\/clouds\.yaml: this is no YAML: .* alias/))
  const empty = await places(t, { 'work/clouds.yaml': 'clouds:\n  here:\n' })
  assert.throws(() => readCloud('here', empty), says(/^Cloud here in .*clouds\.yaml is no mapping\.$/))
  const text = await places(t, { 'work/clouds.yaml': 'geheim' })
  assert.throws(() => readCloud('here', text), says(/^Cloud here was not found in /))
})
