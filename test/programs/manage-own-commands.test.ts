import assert from 'node:assert/strict'
import { execFile as execFileWith } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { get, open as openDownload } from '../support/client.ts'
import { deadline } from '../support/deadline.ts'
import { imageId } from '../support/image-id.ts'
import { runManage } from '../support/manage-program.ts'
import { drivers, startProxy } from '../support/proxy.ts'
import { startUpstream } from '../support/scripted-upstream.ts'
import { patternBytes } from '../support/upstream-bytes.ts'
import { json, whole } from '../support/upstream-words.ts'

const [one, two, slow, absent] = [imageId(1), imageId(2), imageId(3), imageId(4)]
const execFile = promisify(execFileWith)
const as = { headers: { 'X-Auth-Token': 'a' } }

/** As a failing disk does it: other bytes, and nothing else tells of it. */
async function damage(path: string): Promise<void> {
  const like = `${path}.like`
  await execFile('cp', ['--preserve=timestamps', path, like])
  const file = await open(path, 'r+')
  await file.write(Buffer.from('X'), 0, 1, 500)
  await file.close()
  await execFile('touch', ['-r', like, path])
  await rm(like)
}

for (const driver of drivers) {
  test(`what Glance's program cannot do, over a real server, ${driver}`, async (t) => {
    const up = await startUpstream(t)
    up.addImage({ id: one, bytes: patternBytes(300_000) })
    up.addImage({ id: two, bytes: patternBytes(1000) })
    up.addImage({ id: slow, bytes: patternBytes(1_048_576) })
    const proxy = await startProxy(t, { upstream: up.url, driver, flags: ['--management-auth=none'] })
    const run = (...args: string[]) => runManage(['--url', proxy.url, ...args])
    const says = async (args: string[], stdout: string, code = 0) =>
      assert.deepEqual(await run(...args), { code, stdout, stderr: '' })
    for (const id of [one, two]) {
      await get(proxy.image(id), as)
      await proxy.committed(id)
    }

    await t.test('list-incomplete and show: an image on its way', async () => {
      await says(['list-incomplete'], 'No incomplete images.\n')
      const stalled = up.nextFile(slow, { stallAt: 524_288 })
      const download = await openDownload(proxy.image(slow), as)
      await deadline(stalled.reached, 'half of it is sent')
      const { code, stdout } = await run('list-incomplete')
      assert.equal(code, 0)
      assert.match(stdout, /^Found 1 incomplete images\.\.\.\n/)
      assert.match(
        stdout,
        /^\| +ID +\| State +\| +Received \| +Size \| Done \| +Rate \| Time left \| Readers \| Resumes \|$/m,
      )
      assert.match(
        stdout,
        new RegExp(
          `^\\| ${slow} \\| arriving \\| 512\\.0 KiB \\| 1\\.0 MiB \\| +50% \\| +[\\d.]+ \\w+/s \\| +\\d+s \\| +1 \\| +0 \\|$`,
          'm',
        ),
      )
      const { incomplete } = JSON.parse((await run('--json', 'list-incomplete')).stdout)
      assert.deepEqual([incomplete[0].id, incomplete[0].received, incomplete[0].owner], [slow, 524_288, 'here'])
      const shown = (await run('show', slow)).stdout
      assert.match(shown, /^\| state +\| incomplete +\|$/m)
      assert.match(shown, /^\| received +\| 512\.0 KiB of 1\.0 MiB \(50%\) +\|$/m)
      stalled.release()
      assert.ok((await deadline(download.rest, 'the download ends')).complete)
      await proxy.committed(slow)
    })

    await t.test('pin, show, unpin', async () => {
      await says(['pin', one, two], '')
      const shown = await run('show', one)
      assert.equal(shown.code, 0)
      for (const line of [
        /^\| id +\| 0+-/m,
        /^\| state +\| cached +\|$/m,
        /^\| pinned +\| yes +\|$/m,
        /^\| size +\| 300000 \(293\.0 KiB\)/m,
      ]) {
        assert.match(shown.stdout, line)
      }
      const long = (await run('list-cached', '-l')).stdout
      assert.match(long, new RegExp(`^\\| ${two} \\| .* \\| +yes +\\| \\d{4}-`, 'm'))
      assert.match(long, new RegExp(`^\\| ${slow} \\| .* \\| {8}\\| \\d{4}-`, 'm'))
      const unpinned = await run('-v', 'unpin', one)
      assert.match(unpinned.stdout, new RegExp(`^Unpinned image ${one}\nCompleted in `))
      assert.match((await run('show', one)).stdout, /^\| pinned +\| no +\|$/m)
      const { cached, state } = JSON.parse((await run('--json', 'show', two)).stdout)
      assert.deepEqual([state, cached.pinned, cached.size], ['cached', true, 1000])
    })

    await t.test('an image that is not there: the others get their turn, exit 1', async () => {
      await says(['unpin', absent, two], `Image ${absent} is not cached.\n`, 1)
      assert.match((await run('show', two)).stdout, /^\| pinned +\| no +\|$/m)
      await says(['show', absent], `Image ${absent} is neither cached, nor on its way, nor queued.\n`, 1)
      const { code, stdout, stderr } = await run('--json', 'pin', absent, two)
      assert.deepEqual([code, stderr], [1, `Image ${absent} is not cached.\n`])
      assert.deepEqual(
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
        [
          { id: absent, done: false, error: `Image ${absent} is not cached.` },
          { id: two, done: true },
        ],
      )
      await says(['verify', absent], `${absent} not-cached\n`, 1)
    })

    await t.test('show: an image in the queue', async () => {
      await run('-f', 'queue-image', absent)
      const { stdout } = await run('show', absent)
      assert.match(stdout, /^\| state +\| queued +\|$/m)
      assert.match(stdout, /^\| fetched by +\| prefetcher +\|$/m)
    })

    await t.test('verify: all when none is named; a damaged one is exit 1', async () => {
      const { code, stdout } = await run('verify')
      assert.equal(code, 0, stdout)
      assert.match(stdout, new RegExp(`^${one} \\w+.*\n${two} \\w+.*\n${slow} \\w+.*\nVerified 3 images: `))
      await damage(join(proxy.dir, two))
      const bad = await run('verify', two)
      assert.match(bad.stdout, new RegExp(`^${two} damaged`))
      assert.equal(bad.code, 1)
    })
  })
}

test('a server that is no Afterimage: says so for what is beyond Glance', async (t) => {
  const up = await startUpstream(t)
  const stdout = `${up.url} is no Afterimage whose cache may be managed: this command is beyond Glance's own API.\n`
  const answers = [whole(404, ''), json(300, { versions: [] })]
  for (const args of [['list-incomplete'], ['list-cached', '--long'], ['verify']]) {
    for (const answer of answers) {
      up.nextAnswer(
        () => true,
        async (_request, wire) => {
          await wire.write(answer)
          return 'keep'
        },
      )
      assert.deepEqual(await runManage(['--url', up.url, ...args]), { code: 1, stdout, stderr: '' })
    }
  }
})

test('verify: exit 1 for what is not known to be right; 0 for what was put right, or can never be proven', async (t) => {
  const up = await startUpstream(t)
  for (const [outcome, code] of [
    ['intact', 0],
    ['repaired', 0],
    ['outdated', 0],
    ['gone', 0],
    ['undeclared', 0],
    ['unknown', 1],
    ['damaged', 1],
    ['of-a-newer-server', 1],
  ] as const) {
    up.nextAnswer(
      () => true,
      async (_request, wire) => {
        await wire.write(json(200, { id: one, outcome, detail: 'why' }))
        return 'keep'
      },
    )
    const ran = await runManage(['--url', up.url, 'verify', one])
    assert.deepEqual(ran, { code, stdout: `${one} ${outcome} (why)\n`, stderr: '' })
  }
})

test('a hundred thousand images are listed in a few seconds', async (t) => {
  const up = await startUpstream(t)
  const image = (number: number) => ({
    image_id: imageId(number),
    hits: number,
    last_accessed: 1651504844.0860524 + number,
    last_modified: 1651504844.5,
    size: number,
  })
  up.nextAnswer(
    () => true,
    async (_request, wire) => {
      await wire.write(json(200, { cached_images: Array.from({ length: 100_000 }, (_, number) => image(number)) }))
      return 'close'
    },
  )
  const { code, stdout } = await deadline(runManage(['--url', up.url, 'list-cached']), 'the list is there')
  assert.equal(code, 0)
  const lines = stdout.trimEnd().split('\n')
  assert.deepEqual([lines.length, lines[0]], [100_005, 'Found 100000 cached images...'])
  assert.match(
    lines[100_003] ?? '',
    /^\| 0+-0000-4000-8000-000000099999 \| 2022-05-03T19:07:23\.\d{6} \| 2022-05-02T15:20:44\.500000 \| 99999 \| 99999 \|$/,
  )
})

test('what breaks off in the middle is no list', async (t) => {
  const up = await startUpstream(t)
  up.nextAnswer(
    () => true,
    async (_request, wire) => {
      await wire.write(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"cached_images":[]}`,
      )
      return 'close'
    },
  )
  const { code, stdout } = await runManage(['--url', up.url, 'list-cached'])
  assert.equal(code, 1)
  assert.match(stdout, /^Failed to show cached images\. Got error:\nimage API http:\S+: it closed the connection /)
})
