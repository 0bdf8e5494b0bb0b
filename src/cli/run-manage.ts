import type { Readable, Writable } from 'node:stream'
import { readAccess } from './access.ts'
import { openApiClient } from './api-client.ts'
import { type Arguments, type Environment, readArguments } from './arguments.ts'
import type { Command, Migrate, Session } from './command.ts'
import { commandHelp, helpOf } from './command-help.ts'
import { commands } from './commands.ts'
import { UsageError } from './errors.ts'
import { failureWords } from './failure-words.ts'
import { readImageIds } from './image-ids.ts'
import { openQuestioner } from './question.ts'
import { readServerAddress } from './server-address.ts'
import { openTokenSource } from './token-source.ts'
import { help, usage } from './usage.ts'

/** The program and what surrounds it. */
export type Surroundings = Readonly<{
  program: string
  version: string
  /** Without the program's own two. */
  argv: readonly string[]
  env: Environment
  cwd: string
  stdin: Readable
  stdout: Writable
  stderr: Writable
  migrate: Migrate
}>

/** Carries out one command; resolves with the exit code: 0, 1 failed, 2 wrong usage. Never rejects. */
export async function runManage(surroundings: Surroundings): Promise<number> {
  const { program, version, stdout, stderr } = surroundings
  try {
    const read = readArguments(surroundings.argv, surroundings.env)
    const [name, ...words] = read.words
    if (read.has('help') || (name === 'help' && words.length === 0)) stdout.write(help(program))
    else if (read.has('version')) stdout.write(`${version}\n`)
    else if (name === undefined) throw new UsageError('the following arguments are required: command')
    else if (name === 'help') return explain(surroundings, read, words[0] ?? '')
    else {
      const command = commands.find((candidate) => candidate.name === name)
      return command === undefined
        ? unknown(surroundings, read, name)
        : await carryOut(surroundings, command, read, words)
    }
    return 0
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    stderr.write(`${usage(program)}\n${program}: error: ${error.message}\n`)
    return 2
  }
}

async function carryOut(
  { argv: _argv, ...surroundings }: Surroundings,
  command: Command,
  read: Arguments,
  words: readonly string[],
): Promise<number> {
  const { env, cwd, stdin, stdout, stderr } = surroundings
  const began = performance.now()
  const [json, verbose, debug] = [read.has('json'), read.has('verbose'), read.has('debug')]
  const address = readServerAddress(read)
  const aside = json ? stderr : stdout
  const say = (text: string) => aside.write(`${text}\n`)
  using questioner = openQuestioner(stdin, (text) => aside.write(text))
  await using opened = new AsyncDisposableStack()
  let client: ReturnType<typeof openApiClient> | undefined
  const session: Omit<Session, 'ids'> = {
    arguments: read,
    json,
    verbose,
    client() {
      if (client !== undefined) return client
      const { who, ...trust } = readAccess(read, env, cwd)
      const reach = { ...trust, trace: (line: string) => void (debug && stderr.write(`${line}\n`)) }
      client = opened.use(openApiClient(address, openTokenSource(who, reach), reach))
      return client
    },
    print: (text) => stdout.write(`${text}\n`),
    say,
    confirm: async (question) => read.has('force') || (await questioner.confirm(question)),
    migrate: surroundings.migrate,
  }
  const isWell = await attempt(
    async () => command.run({ ...session, ids: readImageIds(command, words) }),
    (error) => {
      say(failureWords(error, command.action, address.host))
      if (debug && error instanceof Error) stderr.write(`${error.stack}\n`)
    },
  )
  if (verbose) say(`Completed in ${((performance.now() - began) / 1000).toFixed(4)} sec.`)
  return isWell ? 0 : 1
}

async function attempt(work: () => Promise<boolean>, onFailure: (error: unknown) => void): Promise<boolean> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UsageError) throw error
    onFailure(error)
    return false
  }
}

function explain(surroundings: Surroundings, read: Arguments, name: string): number {
  const command = commands.find((candidate) => candidate.name === name)
  if (command === undefined) return unknown(surroundings, read, name)
  surroundings.stdout.write(helpOf(surroundings.program, command))
  return 0
}

function unknown({ stdout, stderr }: Surroundings, read: Arguments, name: string): number {
  const aside = read.has('json') ? stderr : stdout
  aside.write(`\nError: "${name}" is not a valid command.\n\n${commandHelp()}\n`)
  stderr.write(`Unknown command: ${name}\n`)
  return 1
}
