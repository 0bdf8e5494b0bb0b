import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { runManage } from '../support/manage-program.ts'

const id = '00000000-0000-4000-8000-000000000001'
const program = 'afterimage-cache-manage'

for (const [args, message] of [
  [[], 'the following arguments are required: command'],
  [['--foo', 'list-cached'], 'unrecognized arguments: --foo'],
  [['list-cached', id], `unrecognized arguments: ${id}`],
  [['-p', 'x', 'list-cached'], "argument -p/--port: invalid int value: 'x'"],
  [['-p', '65536', 'list-cached'], "argument -p/--port: invalid int value: '65536'"],
  [
    ['-H', 'http://here', 'list-cached'],
    "argument -H/--host: invalid address: 'http://here' (a whole URL is given with --url)",
  ],
  [
    ['--url', 'here:9292', 'list-cached'],
    "argument --url: invalid URL: 'here:9292': expected http://host[:port] or https://…",
  ],
  [['migrate', '--from', 'sqlite'], 'the following arguments are required: --to'],
  [['migrate', '--from', 'xattr', '--to', 'xattr'], 'arguments --from, --to: both are xattr'],
  [
    ['migrate', '--from', 'mysql', '--to', 'xattr'],
    "argument --from: invalid choice: 'mysql' (choose from sqlite, xattr)",
  ],
] as const) {
  test(`wrong usage, exit 2: ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await runManage(args)
    assert.deepEqual([code, stdout], [2, ''])
    assert.ok(stderr.startsWith(`usage: ${program} [-h] [-v] [-d] [-H ADDRESS] [-p PORT]`), stderr)
    assert.ok(stderr.endsWith(`\n${program}: error: ${message}\n`), stderr)
  })
}

test('ids are looked at before anything is asked or sent: exit 1', async () => {
  for (const word of ['nonsense', '../x', 'cache.db', `${id}0`, `${id.slice(0, 35)}g`, '']) {
    const ran = await runManage(['-p', '1', 'delete-cached-image', id, word], { stdin: 'y\n' })
    assert.deepEqual(ran, { code: 1, stdout: `Image ID '${word}' is not a valid UUID.\n`, stderr: '' })
  }
})

test('no id, or one too many: exit 1, as Glance', async () => {
  const wish = 'Please specify the ID of the image you wish for command'
  for (const [args, stdout] of [
    [['queue-image'], `${wish} 'queue-image'.\n`],
    [['show', id, id], `${wish} 'show' as the first and only argument.\n`],
  ] as const) {
    assert.deepEqual(await runManage(['-p', '1', ...args]), { code: 1, stdout, stderr: '' })
    const asJson = await runManage(['-p', '1', '--json', ...args])
    assert.deepEqual(asJson, { code: 1, stdout: '', stderr: stdout })
  }
})

test('the end of the input is no answer: nothing is done, exit 1, as Glance', async () => {
  for (const [args, question, action] of [
    [['queue-image', id], `Queue image ${id} for caching?`, 'queue the specified image for caching'],
    [['delete-all-cached-images'], 'Delete all cached images?', 'Delete all cached images'],
  ] as const) {
    const told = `${question} [y/N] \nFailed to ${action}. Got error:\nEOF when reading a line\n`
    assert.deepEqual(await runManage(['-p', '1', ...args]), { code: 1, stdout: told, stderr: '' })
    assert.deepEqual(await runManage(['-p', '1', '--json', ...args]), { code: 1, stdout: '', stderr: told })
  }
})

test('a no is no failure; --json says that nothing was done', async () => {
  const one = await runManage(['-p', '1', '--json', 'queue-image', id], { stdin: 'n\n' })
  assert.deepEqual([one.code, JSON.parse(one.stdout)], [0, { id, done: false }])
  const all = await runManage(['-p', '1', '--json', 'delete-all-queued-images'], { stdin: '\n' })
  assert.deepEqual([all.code, JSON.parse(all.stdout)], [0, { num_deleted: 0 }])
})

test('help, of all and of one command; the version', async () => {
  const all = await runManage(['--help'])
  assert.deepEqual(await runManage(['help']), all)
  assert.deepEqual([all.code, all.stderr], [0, ''])
  for (const name of [
    'list-cached',
    'queue-image',
    'delete-all-queued-images',
    'list-incomplete',
    'verify',
    'migrate',
  ]) {
    assert.match(all.stdout, new RegExp(`^    ${name} +[A-Z]`, 'm'))
  }
  for (const line of all.stdout.split('\n')) {
    // The commands' lines are not wrapped, as with Glance.
    if (!/^ {4}\S/.test(line)) assert.ok(line.length < 80, line)
  }
  const one = await runManage(['help', 'queue-image'])
  assert.deepEqual(one, {
    code: 0,
    stdout: `${program} queue-image <IMAGE_ID>... [options]\n\n    Queue images for caching.\n`,
    stderr: '',
  })
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  assert.deepEqual(await runManage(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
})

test('an unknown command, run or explained: the commands there are, exit 1', async () => {
  for (const args of [['list-cashed'], ['help', 'list-cashed']]) {
    const { code, stdout, stderr } = await runManage(args)
    assert.deepEqual([code, stderr], [1, 'Unknown command: list-cashed\n'])
    assert.match(stdout, /^\nError: "list-cashed" is not a valid command\.\n\nCommands:\n\n {4}help <command> {14}\S/)
  }
  const { code, stdout } = await runManage(['--json', 'list-cashed'])
  assert.deepEqual([code, stdout], [1, ''])
})

test('nobody there: the address and the reason, exit 1; --json keeps stdout clean', async () => {
  const reason =
    'Failed to show cached images. Got error:\nimage API http://127.0.0.1:1: the connection is refused (ECONNREFUSED)\n'
  for (const host of [[], ['-H', '0.0.0.0']]) {
    assert.deepEqual(await runManage([...host, '-p', '1', 'list-cached']), { code: 1, stdout: reason, stderr: '' })
  }
  const ran = await runManage(['-p', '1', '--json', 'list-cached'])
  assert.deepEqual(ran, { code: 1, stdout: '', stderr: reason })
})
