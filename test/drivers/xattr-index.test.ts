import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { openSync, renameSync, writeFileSync } from 'node:fs'
import { appendFile, mkdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { tryLock, unlock } from 'fs-native-extensions'
import type { Driver } from '../../drivers/driver.ts'
import { openXattr } from '../../drivers/xattr.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline } from '../support/deadline.ts'
import { mountedDir } from '../support/driver-mount.ts'
import { commitImage, listed, longAgo } from '../support/driver-scene.ts'
import { tempDir } from '../support/temp-dir.ts'

/** A driver that has read its directory whole: from now on it relies on what it is told. */
async function setUp(t: TestContext, dir: string) {
  const driver = await openXattr({ dir, sqliteDb: 'cache.db' })
  cleanup(t, () => driver[Symbol.asyncDispose]())
  for (const [n, id] of ['a', 'b', 'c'].entries()) await commitImage({ driver, dir }, id, { accessedAt: longAgo + n })
  assert.deepEqual(await listed(driver), ['a', 'b', 'c'])
  return driver
}

const sizesOf = async (driver: Driver) => Object.fromEntries(await driver.sizes())

test('what anybody does to the files is in the next sum', async (t) => {
  const dir = await tempDir(t)
  const driver = await setUp(t, dir)
  const [a, b, c] = ['a', 'b', 'c'].map((id) => join(dir, id)) as [string, string, string]
  const steps: [what: string, work: () => Promise<unknown>, expected: Record<string, number>][] = [
    ['added', () => writeFile(join(dir, 'theirs'), 'five!'), { a: 1000, b: 1000, c: 1000, theirs: 5 }],
    ['grown', () => appendFile(join(dir, 'theirs'), 'six...'), { a: 1000, b: 1000, c: 1000, theirs: 11 }],
    ['replaced', () => rename(join(dir, 'theirs'), a), { a: 11, b: 1000, c: 1000 }],
    ['moved out', () => rename(b, join(dir, 'incomplete', 'b')), { a: 11, c: 1000 }],
    ['moved in', () => rename(join(dir, 'incomplete', 'b'), b), { a: 11, b: 1000, c: 1000 }],
    ['removed', () => unlink(c), { a: 11, b: 1000 }],
    ['a link', () => symlink('a', c), { a: 11, b: 1000 }],
    ['a directory', () => mkdir(join(dir, 'd')), { a: 11, b: 1000 }],
    ['no image', () => writeFile(join(dir, 'cache.db'), 'x'), { a: 11, b: 1000 }],
  ]
  for (const [what, work, expected] of steps) {
    await work()
    assert.deepEqual(await sizesOf(driver), expected, what)
    const sizes = Object.values(expected)
    const size = sizes.reduce((sum, each) => sum + each, 0)
    assert.deepEqual(await driver.totals(), { count: sizes.length, size }, what)
  }
})

test('an image that another program has merely read moves to the end of the list', async (t) => {
  const dir = await mountedDir(t, 'tmpfs', 'strictatime')
  if (dir === undefined) return
  const driver = await setUp(t, dir)
  // Nobody is told of it: the kernel has no word for an access time that moves by itself.
  await readFile(join(dir, 'a'))
  await readFile(join(dir, 'c'))
  assert.deepEqual(await listed(driver), ['b', 'a', 'c'])
  assert.deepEqual(await listed(driver), ['b', 'a', 'c'])
})

test('more changes at once than the kernel queues', async (t) => {
  const dir = await tempDir(t)
  const driver = await setUp(t, dir)
  // Its thread waits for this lock, and listens to nobody.
  const fd = openSync(join(dir, '.afterimage', 'xattr.lock'), 'r+')
  assert(tryLock(fd))
  const touched = driver.touch('a', Date.now())
  const queued = Number(await readFile('/proc/sys/fs/inotify/max_queued_events', 'utf8'))
  const [ping, pong] = [join(dir, '.ping'), join(dir, '.pong')]
  writeFileSync(ping, '')
  // Two for each renaming. What comes after them is not told any more.
  for (let told = 0; told <= queued; told += 4) {
    renameSync(ping, pong)
    renameSync(pong, ping)
  }
  await writeFile(join(dir, 'untold'), 'five!')
  unlock(fd)
  await deadline(touched, 'the hit is counted')
  assert.deepEqual(await sizesOf(driver), { a: 1000, b: 1000, c: 1000, untold: 5 })
  await unlink(join(dir, 'untold'))
  assert.deepEqual(await sizesOf(driver), { a: 1000, b: 1000, c: 1000 })
})

test('changes of which the kernel tells nobody', async (t) => {
  const below = await tempDir(t)
  for (const name of ['lower', 'upper', 'work']) await mkdir(join(below, name))
  const options = `lowerdir=${below}/lower,upperdir=${below}/upper,workdir=${below}/work`
  const dir = await mountedDir(t, 'overlay', options)
  if (dir === undefined) return
  const driver = await setUp(t, dir)
  for (let n = 1; n <= 5; n++) {
    // Past the file system that is watched, as another host does it to a shared one.
    await writeFile(join(below, 'upper', `untold-${n}`), 'x')
    assert.deepEqual(await driver.totals(), { count: 3 + n, size: 3000 + n })
    await writeFile(join(dir, `told-${n}`), '')
    assert.equal((await driver.totals()).count, 4 + n)
    await unlink(join(dir, `told-${n}`))
    assert.equal((await driver.totals()).count, 3 + n)
  }
})

/** A user namespace has limits of its own, and what is done to them harms nobody else. */
const watchingNothing = 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$@"'
const limited = (...command: string[]) =>
  promisify(execFile)('unshare', ['--user', '--map-root-user', 'sh', '-c', watchingNothing, 'sh', ...command])

test('where the kernel watches nothing more, every sum is read from the files', async (t) => {
  const refused = await deadline(
    limited('true').then(
      () => undefined,
      (error: Error) => error.message,
    ),
    'a namespace',
  )
  if (refused !== undefined) return t.skip(`no user namespace with a limit here: ${refused}`)
  const [dir, elsewhere] = [await tempDir(t), await tempDir(t)]
  const program = join(elsewhere, 'sums.mjs')
  await writeFile(
    program,
    `import { watch, writeFileSync } from 'node:fs'
    import { openXattr } from '${new URL('../../drivers/xattr.ts', import.meta.url)}'
    const said = []
    try { watch('/') } catch (error) { said.push(error.code) }
    const driver = await openXattr({ dir: '${dir}', sqliteDb: 'cache.db' })
    for (const name of ['a', 'b']) {
      writeFileSync('${dir}/' + name, 'xx')
      said.push((await driver.totals()).size)
    }
    await driver[Symbol.asyncDispose]()
    console.log(JSON.stringify(said))`,
  )
  const { stdout } = await deadline(limited(process.execPath, program), 'the sums')
  assert.deepEqual(JSON.parse(stdout), ['ENOSPC', 2, 4])
})
