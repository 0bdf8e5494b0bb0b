/**
 * npm run faults:mutations: turns off one protection at a time, in a copy of the tree, and demands that a test notices.
 * --only WORD    those whose protection has this word; may be repeated
 * --write        the table becomes docs/faults-mutations.md
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mutation, mutations } from './mutations-list.ts'

const document = 'docs/faults-mutations.md'
const root = process.cwd()
/** Copies of the tree, in which tests run at the same time. */
const copies = 2
const longestMs = 120_000

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: [] }, write: { type: 'boolean', default: false } },
})
if (values.write && values.only.length > 0) throw new Error('--write wants all of them')
const chosen = mutations.filter(
  ({ protection }) => values.only.length === 0 || values.only.some((word) => protection.includes(word)),
)
for (const mutation of chosen) mutated(mutation)

const began = performance.now()
const temp = mkdtempSync(join(tmpdir(), 'afterimage-mutations-'))
const problems: string[] = []
const noticed = new Map<Mutation, string>()
try {
  await together([...new Map(chosen.map((one) => [`${one.test} ${one.name}`, one])).values()], async (dir, one) => {
    const ran = await run(dir, one)
    if (ran.failed !== undefined) problems.push(`${one.test} fails with nothing turned off:\n${ran.output}`)
  })
  if (problems.length === 0) {
    await together(chosen, async (dir, one) => {
      const path = join(dir, one.file)
      const whole = readFileSync(path, 'utf8')
      writeFileSync(path, mutated(one))
      const { failed } = await run(dir, one)
      writeFileSync(path, whole)
      console.log(
        `${failed === undefined ? 'NOT NOTICED' : 'noticed'}: ${one.protection} (${one.test}: ${failed ?? ''})`,
      )
      if (failed === undefined) problems.push(`nobody notices that this is turned off: ${one.protection}`)
      else noticed.set(one, failed)
    })
  }
} finally {
  rmSync(temp, { recursive: true })
}

const seconds = Math.round((performance.now() - began) / 1000)
console.log(`\n${noticed.size} of ${chosen.length} noticed, ${seconds} s\n`)
const table = tableOf(chosen.filter((one) => noticed.has(one)))
console.log(table)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
else if (values.write) {
  const intro = 'Each protection was turned off alone, by replacing one piece of source, and this test failed.'
  const text = `# Protections, and the tests that miss them\n\n${intro} \`npm run faults:mutations -- --write\` did it and wrote this page.\n\n${table}\n`
  writeFileSync(document, text)
  console.log(`wrote ${document}`)
}

/** The file with this protection turned off. */
function mutated({ protection, file, piece, instead }: Mutation): string {
  const pieces = readFileSync(join(root, file), 'utf8').split(piece)
  if (pieces.length !== 2) throw new Error(`${protection}: ${file} has this ${pieces.length - 1} times:\n${piece}`)
  return pieces.join(instead)
}

/** Does some work with each, in as many copies of the tree as there are. */
async function together(some: readonly Mutation[], work: (dir: string, one: Mutation) => Promise<void>): Promise<void> {
  const left = [...some]
  const lane = async (number: number) => {
    const dir = copyOf(number)
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(dir, one)
    rmSync(dir, { recursive: true })
  }
  await Promise.all(Array.from({ length: copies }, (_, number) => lane(number)))
}

function copyOf(number: number): string {
  const dir = join(temp, `tree-${number}`)
  const left = new Set(['node_modules', '.git', 'dist', 'var'])
  cpSync(root, dir, { recursive: true, filter: (path) => !left.has(relative(root, path)) })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  return dir
}

/** `failed`: the name of the first test that did; undefined when all passed. */
async function run(dir: string, { test, name }: Mutation): Promise<{ failed: string | undefined; output: string }> {
  const only = name === undefined ? [] : ['--test-name-pattern', name]
  const args = ['--test', '--test-reporter=tap', `--test-timeout=${longestMs}`, ...only, test]
  const { FAULTS_SEEN: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  const child = spawn(process.execPath, args, { cwd: dir, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  // Without a protection a test may never end, in a way that its own runner cannot end either.
  const late = setTimeout(() => endGroup(child.pid), 2 * longestMs)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = await once(child, 'close')
  clearTimeout(late)
  endGroup(child.pid)
  if (/^# pass 0$/m.test(output) && code === 0) return { failed: 'no test of this name', output }
  if (code === 0) return { failed: undefined, output }
  // The innermost comes first: those around it fail because of it.
  return { failed: /^ *not ok \d+ - (.*)$/m.exec(output)?.[1] ?? 'the file itself', output }
}

/** What a test has left behind goes too. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left.
  }
}

function tableOf(done: readonly Mutation[]): string {
  const rows = done.map((one) => [one.protection, `\`${one.file}\``, `\`${one.test}\`: ${noticed.get(one) ?? ''}`])
  const lines = [['turned off', 'in', 'noticed by'], ['---', '---', '---'], ...rows]
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')
}
