import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { credentialsOf, type RunOptions, runCommand } from './command.ts'
import { startDownload } from './download.ts'
import { eventually } from './eventually.ts'
import { createImage, filePath, type TestImage } from './images.ts'
import { createApplicationCredential, tokenOf } from './keystone.ts'
import { cacheImage, type Managing, managing } from './managing.ts'
import { addressOf, runProgram } from './programs.ts'
import { type RunningProxy, startProxy } from './proxy.ts'
import { isWholeDownload, type Relay, startRelay } from './relay.ts'
import { stack } from './stack.ts'

const running = new AsyncDisposableStack()
let relay: Relay
let proxy: RunningProxy
let owner: string
let manage: Managing
let images: TestImage[]
let ids: string[]
let dir: string
before(async () => {
  relay = running.use(await startRelay(stack.glanceUrl))
  proxy = running.use(await startProxy({ originUrl: relay.url }))
  owner = await tokenOf('alice')
  manage = managing(proxy, await tokenOf('admin'))
  dir = await mkdtemp(join(tmpdir(), 'afterimage-clouds-'))
  running.defer(() => rm(dir, { recursive: true }))
  images = []
  for (const size of [1_000, 200_000, 3_000_000]) {
    const image = await createImage(owner, size)
    await cacheImage(proxy, image, owner)
    images.push(image)
  }
  ids = images.map(({ id }) => id).sort()
})
after(() => running.disposeAsync())

const tool = (args: readonly string[], options: RunOptions = { env: credentialsOf('admin') }) =>
  runProgram('cache-manage', [...addressOf(proxy.url), ...args], options)

/** Whoever asks so is an admin. */
async function isAdmin(args: readonly string[], options: RunOptions): Promise<void> {
  const { status, stdout, stderr } = await tool([...args, 'list-cached'], options)
  deepEqual([status, stderr], [0, ''], stdout)
  for (const id of ids) ok(stdout.includes(id))
}

test('a password, or a token', async () => {
  await isAdmin([], { env: credentialsOf('admin') })
  await isAdmin(['--os-auth-token', await tokenOf('admin')], {})
})

test('an application credential, from the environment and as --os-cloud of clouds.yaml', async () => {
  await using credential = await createApplicationCredential('admin')
  const { id, secret } = credential
  const env = {
    OS_AUTH_TYPE: 'v3applicationcredential',
    OS_AUTH_URL: stack.keystoneUrl,
    OS_APPLICATION_CREDENTIAL_ID: id,
    OS_APPLICATION_CREDENTIAL_SECRET: secret,
  }
  await isAdmin([], { env })
  const auth = { auth_url: stack.keystoneUrl, application_credential_id: id, application_credential_secret: secret }
  const clouds = { program: { auth_type: 'v3applicationcredential', auth } }
  // JSON is YAML, too.
  await writeFile(join(dir, 'clouds.yaml'), JSON.stringify({ clouds }))
  await isAdmin(['--os-cloud=program'], { cwd: dir })
  await isAdmin([], { env: { OS_CLOUD: 'program', OS_CLIENT_CONFIG_FILE: join(dir, 'clouds.yaml') } })

  await credential[Symbol.asyncDispose]()
  const { status, stdout, stderr } = await tool(['--debug', '-f', 'delete-all-cached-images'], { env })
  equal(status, 1)
  ok(!(stdout + stderr).includes(secret), 'the secret is never shown')
  equal((await manage.images()).length, images.length)
})

test('a password as --os-cloud of clouds.yaml, its secret part in secure.yaml', async () => {
  const whose = { username: 'admin', project_name: 'admin', user_domain_id: 'default', project_domain_id: 'default' }
  const clouds = { lab: { region_name: 'RegionOne', auth: { auth_url: stack.keystoneUrl, ...whose } } }
  await writeFile(join(dir, 'clouds.yaml'), JSON.stringify({ clouds }))
  await writeFile(join(dir, 'secure.yaml'), JSON.stringify({ clouds: { lab: { auth: { password: stack.password } } } }))
  await isAdmin(['--os-cloud=lab'], { cwd: dir })
  const { status, stdout, stderr } = await tool(['--os-cloud=other', 'list-cached'], { cwd: dir })
  equal(status, 1)
  match(stdout + stderr, /other/)
})

test('somebody else, or nobody', async () => {
  for (const options of [{ env: credentialsOf('bob') }, {}]) {
    for (const args of [['list-cached'], ['-f', 'delete-all-cached-images'], ['pin', ids[0] ?? ''], ['verify']]) {
      equal((await tool(args, options)).status, 1)
    }
  }
  deepEqual(
    (await manage.images()).map(({ pinned }) => pinned),
    [false, false, false],
  )
})

test('three ways to list agree', async () => {
  const listed = (await manage.images()).map(({ id, size }) => `${id} ${size}`)
  deepEqual(listed, images.map(({ id, size }) => `${id} ${size}`).sort())
  const { stdout } = await tool(['list-cached'])
  const rows = stdout.split('\n').filter((line) => /^\| [0-9a-f]{8}-/.test(line))
  deepEqual(
    rows.map((row) => row.split('|')).map((cells) => `${cells[1]?.trim()} ${cells[4]?.trim()}`),
    listed,
  )
  deepEqual(await ls(), listed)
})

/** What `ls -lhR` shows in the cache directory itself; its sizes are those of `ls -lR`. */
async function ls(): Promise<string[]> {
  const read = async (flags: string) => {
    const { stdout } = await runCommand('ls', [flags, proxy.cacheDir])
    const [, own = ''] = /^\S+:\n([\s\S]*?)\n\n/.exec(stdout) ?? []
    return own.split('\n').map((line) => line.split(/ +/))
  }
  const names = (await read('-lhR')).map((fields) => fields.at(-1))
  const lines = (await read('-lR')).filter((fields) => names.includes(fields.at(-1)))
  return lines
    .map((fields) => `${fields.at(-1)} ${fields[4]}`)
    .filter((line) => /^[0-9a-f-]{36} /.test(line))
    .sort()
}

test('pin, unpin, show and verify, several images at once; --json', async () => {
  equal((await tool(['pin', ...ids])).status, 0)
  deepEqual(
    (await manage.images()).map(({ pinned }) => pinned),
    [true, true, true],
  )
  equal((await tool(['unpin', ...ids.slice(1)])).status, 0)
  const list = JSON.parse((await tool(['--json', '--long', 'list-cached'])).stdout)
  deepEqual(list, { images: await manage.images() })
  const verified = await tool(['--json', 'verify', ...ids])
  deepEqual(
    verified.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    ids.map((id) => ({ id, outcome: 'intact' })),
  )
  const { stdout } = await tool(['show', ids[0] ?? ''])
  match(stdout, /\| state +\| cached /)
  match(stdout, /\| pinned +\| yes /)
  const unknown = crypto.randomUUID()
  equal((await tool(['show', unknown])).status, 1)
  equal((await tool(['verify', unknown])).status, 1)
})

test('list-incomplete shows an image on its way, and who waits for it', async () => {
  const image = await createImage(owner, 4_000_000)
  const barrier = relay.hold((one) => isWholeDownload(one) && one.line.includes(image.id), image.size / 2)
  const download = await startDownload(proxy.url + filePath(image.id), { token: owner })
  await barrier.reached
  const { stdout } = await tool(['list-incomplete'])
  match(stdout, new RegExp(`^\\| ${image.id} \\| arriving +\\| .*3\\.8 MiB .*\\| +1 \\| +0 \\|$`, 'm'))
  match((await tool(['show', image.id])).stdout, /\| state +\| incomplete /)
  barrier.open()
  equal((await download.end).sha256, image.sha256)
  await eventually('the committed image', 20, async () => existsSync(join(proxy.cacheDir, image.id)))
  equal((await tool(['list-incomplete'])).stdout, 'No incomplete images.\n')
  equal((await tool(['-f', 'delete-cached-image', image.id])).status, 0)
})

test('three ways to remove: API, command line, and by hand, which the cleaner puts right', async () => {
  const [first = '', second = '', third = ''] = ids
  equal((await manage.ask('DELETE', `/v2/cache/${first}`)).status, 204)
  deepEqual(
    (await manage.images()).map(({ id }) => id),
    [second, third],
  )
  equal((await tool(['delete-cached-image', second], { env: credentialsOf('admin'), input: 'y\n' })).status, 0)
  deepEqual(
    (await manage.images()).map(({ id }) => id),
    [third],
  )
  await rm(join(proxy.cacheDir, third))
  const cleaned = await runProgram('cache-cleaner', ['--config-file', proxy.configFile])
  equal(cleaned.status, 0, cleaned.stderr)
  equal((await tool(['list-cached'])).stdout, 'No cached images.\n')
  deepEqual(await ls(), [])
})
