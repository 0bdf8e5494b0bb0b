import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Layout } from '../../src/cache/layout.ts'
import { cleanup } from '../support/cleanup.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { drivers } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { openStoreScene } from '../support/store-scene.ts'
import { tempDir } from '../support/temp-dir.ts'
import { patternBytes } from '../support/upstream-bytes.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

type Job = Readonly<{ time: string; user: string; command: string; program: string }>

/** The lines of a file for /etc/cron.d: five fields of time, the user, and the rest is the command. */
async function readCrontab(): Promise<{ jobs: Job[]; assigned: string[] }> {
  const lines = (await readFile(join(root, 'packaging', 'afterimage.cron'), 'utf8')).split('\n')
  const meant = lines.filter((line) => line.trim() !== '' && !line.startsWith('#'))
  const jobs = meant.flatMap((line) => {
    const [, time, user, command] = /^((?:[\d*/,-]+ ){5})(\S+) (.+)$/.exec(line) ?? []
    if (time === undefined || user === undefined || command === undefined) return []
    return { time: time.trim(), user, command, program: command.split(' ')[0] ?? '' }
  })
  const assigned = meant.filter((line) => /^[A-Z]+=/.test(line))
  assert.equal(jobs.length + assigned.length, meant.length, 'every line is understood')
  return { jobs, assigned }
}

/** A directory with the programs by the names that an installation gives them. */
async function installed(t: TestContext): Promise<string> {
  const bin = join(await tempDir(t), 'bin')
  await mkdir(bin)
  await symlink(process.execPath, join(bin, 'node'))
  for (const name of ['cache-prefetcher', 'cache-pruner', 'cache-cleaner']) {
    const script = `#!/bin/sh\nexec node '${join(root, 'src', `${name}.ts`)}' "$@"\n`
    await writeFile(join(bin, `afterimage-${name}`), script, { mode: 0o755 })
  }
  return bin
}

/** As cron does it: the shell, and little environment. */
async function runJob(t: TestContext, { command }: Job, env: Readonly<Record<string, string>>) {
  const child = spawn('/bin/sh', ['-c', command], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  cleanup(t, () => child.kill('SIGKILL'))
  const printed = Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await deadline(closed, `${command} ends`, 20_000)
  return { code, printed: (await printed).join('') }
}

test('the crontab has each program once, as the user of the service', async () => {
  const { jobs, assigned } = await readCrontab()
  const names = jobs.map(({ program }) => program)
  assert.deepEqual(names, ['afterimage-cache-prefetcher', 'afterimage-cache-pruner', 'afterimage-cache-cleaner'])
  const [, user] = /^u (\S+) /m.exec(await readFile(join(root, 'packaging', 'afterimage.sysusers'), 'utf8')) ?? []
  assert.deepEqual([...new Set(jobs.map((job) => job.user))], [user])
  assert.deepEqual(assigned, ['PATH=/usr/local/bin:/usr/bin:/bin'])
})

for (const driver of drivers) {
  describe(`cron's lines as they stand, ${driver}`, () => {
    test('fetch what is queued, prune to the limit, clean, and say nothing', async (t) => {
      const scene = await openStoreScene(t, driver)
      const { layout, cached } = scene
      const upstream = await startUpstream(t)
      const bytes = patternBytes(100_000)
      upstream.addImage({ id: imageId(50), bytes })
      for (const number of [1, 2, 3]) await scene.add(number, 100_000)
      await writeFile(layout.queued(imageId(50)), '')
      await writeFile(layout.invalid(imageId(60)), 'wrong')
      await writeFile(layout.incomplete(imageId(61)), 'left')
      const env = {
        PATH: `${await installed(t)}:/usr/bin:/bin`,
        OS_DEFAULT__IMAGE_CACHE_DIR: layout.dir,
        OS_DEFAULT__IMAGE_CACHE_DRIVER: driver,
        OS_DEFAULT__IMAGE_CACHE_MAX_SIZE: '200000',
        OS_DEFAULT__IMAGE_CACHE_STALL_TIME: '0',
        OS_CACHE__MIN_FREE_SPACE: '0',
        OS_ORIGIN__URL: upstream.url,
      }
      const [prefetch, prune, clean] = (await readCrontab()).jobs
      assert(prefetch !== undefined && prune !== undefined && clean !== undefined)
      const silence = { code: 0, printed: '' }

      assert.deepEqual(await runJob(t, prefetch, env), silence)
      assert.deepEqual(await cached(), [1, 2, 3, 50].map(imageId))
      assert((await readFile(layout.committed(imageId(50)))).equals(bytes))

      assert.deepEqual(await runJob(t, prune, env), silence)
      assert.deepEqual(await cached(), [3, 50].map(imageId))

      assert.deepEqual(await runJob(t, clean, env), silence)
      assert.deepEqual(await leftIn(layout), [])
    })
  })
}

/** What is in the places that the cleaner looks after. */
async function leftIn({ invalidDir, incompleteDir, fillsDir, queueDir }: Layout): Promise<string[]> {
  return (await Promise.all([invalidDir, incompleteDir, fillsDir, queueDir].map((dir) => readdir(dir)))).flat()
}
