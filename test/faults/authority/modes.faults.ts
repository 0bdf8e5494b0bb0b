import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { get } from '../../support/client.ts'
import { eventually } from '../../support/deadline.ts'
import { imageId } from '../../support/image-id.ts'
import { type DriverName, drivers } from '../../support/proxy.ts'
import { startUpstream } from '../../support/scripted-upstream.ts'
import { startProgram } from '../../support/start-program.ts'
import { tempDir } from '../../support/temp-dir.ts'
import { patternBytes } from '../../support/upstream-bytes.ts'
import { sample } from '../matrix/sample.ts'
import { saw } from '../matrix/seen.ts'

const bytes = patternBytes(300_000)
const [wanted, other] = [imageId(1), imageId(2)]

/** Each makes the cache directory, and all that it makes in it. */
const programs: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'the server': serve,
  'the prefetcher': async ({ run, dir }) => {
    await run('cache-prefetcher.ts')
    const queued = join(dir, 'queue', wanted)
    await writeFile(queued, '')
    // As everybody else makes it.
    await chmod(queued, 0o640)
    await run('cache-prefetcher.ts')
    assert((await readdir(dir)).includes(wanted), 'prefetched')
  },
  'the pruner': ({ run }) => run('cache-pruner.ts'),
  'the cleaner': ({ run }) => run('cache-cleaner.ts'),
  'cache-manage migrate': async ({ run, dir, configFile, driver }) => {
    await mkdir(dir, { recursive: true })
    await chmod(dir, 0o750)
    const from = driver === 'sqlite' ? 'xattr' : 'sqlite'
    if (from === 'sqlite') await run('cache-cleaner.ts', ['--config-file', configFile, '--image-cache-driver=sqlite'])
    await run('cache-manage.ts', ['migrate', '--from', from, '--to', driver, '--config-file', configFile])
  },
}

type Scene = Readonly<{
  t: TestContext
  dir: string
  driver: DriverName
  flags: readonly string[]
  configFile: string
  /** To its good end. */
  run(program: string, args?: readonly string[]): Promise<void>
}>

/** A miss, an image that proves wrong, one that is queued, one that arrives, and everything that stands by them. */
async function serve({ t, dir, flags }: Scene): Promise<void> {
  const program = startProgram(t, 'api.ts', [
    ...flags,
    '--bind-port=0',
    '--management-bind-port=0',
    '--management-auth=none',
  ])
  await program.said('afterimage is ready')
  const url = /"listening":"([^"]+)"/.exec(program.stdout())?.[1]
  assert(url !== undefined)
  await get(`${url}/v2/images/${wanted}/file`, { headers: { 'X-Auth-Token': 'owner' } })
  await get(`${url}/v2/images/${other}/file`, { headers: { 'X-Auth-Token': 'owner' } })
  await get(`${url}/v2/queued_images/${imageId(3)}`, { method: 'PUT' })
  const has = async (name: string) => (await readdir(dir, { recursive: true })).includes(name)
  await eventually(() => has(wanted), 'the image is committed')
  await eventually(() => has(`invalid/${other}`), 'the wrong one is set aside')
  // Looked at while it runs, with its database, its socket and its locks.
  await assertModes(dir)
  program.kill('SIGTERM')
  assert.equal((await program.ended()).code, 0)
}

const cases = drivers.flatMap((driver) =>
  [0o000, 0o077].flatMap((umask) => Object.entries(programs).map(([name, act]) => ({ driver, umask, name, act }))),
)

for (const { driver, umask, name, act } of sample(cases, 4)) {
  const fault = `umask ${umask.toString(8).padStart(3, '0')}`
  test(`${name} under ${fault}, ${driver}`, async (t) => {
    await withUmask(umask, () => scene(t, driver, act))
    const disk = 'files 0640, directories 0750, or less'
    saw({ area: 'authority', fault, step: `what ${name} makes`, driver, client: 'as ever', disk })
  })
}

async function scene(t: TestContext, driver: DriverName, act: (scene: Scene) => Promise<void>): Promise<void> {
  const upstream = await startUpstream(t)
  upstream.addImage({ id: wanted, bytes })
  upstream.addImage({ id: other, bytes, hashValue: '0'.repeat(128) })
  const home = await tempDir(t)
  const dir = join(home, 'var/cache')
  const configFile = join(home, 'afterimage.conf')
  await writeFile(
    configFile,
    `[DEFAULT]
image_cache_dir = ${dir}
image_cache_driver = ${driver}
graceful_shutdown_timeout = 1
[origin]
url = ${upstream.url}
[cache]
min_free_space = 0
`,
  )
  const flags = ['--config-file', configFile]
  const run: Scene['run'] = async (program, args = flags) => {
    const { code, stdout, stderr } = await startProgram(t, program, args).ended()
    assert.equal(code, 0, stdout + stderr)
  }
  await act({ t, dir, driver, flags, configFile, run })
  await assertModes(dir)
}

/** Nobody but the owner writes, and only his group reads. */
async function assertModes(dir: string): Promise<void> {
  for (const name of ['.', ...(await readdir(dir, { recursive: true }))]) {
    const stats = await lstat(join(dir, name)).catch(() => undefined)
    if (stats === undefined) continue // It has gone meanwhile: a lock file, a socket on its way to its name.
    const mode = stats.mode & 0o7777
    assert.equal(mode & ~(stats.isDirectory() ? 0o750 : 0o640), 0, `${name}: ${mode.toString(8)}`)
    if (/^(\.|incomplete|invalid|queue)$/.test(name)) assert.equal(mode, 0o750, name)
    if (/(^|\/)[0-9a-f-]{36}$|cache\.db$/.test(name)) assert.equal(mode, 0o640, name)
  }
}

/** For what is started meanwhile; tests of one file run one after another. */
async function withUmask(umask: number, act: () => Promise<void>): Promise<void> {
  const before = process.umask(umask)
  try {
    await act()
  } finally {
    process.umask(before)
  }
}
