import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { get } from './client/get.ts'
import { waitUntil } from './deadline.ts'

/** A server that the bench has started, in a process of its own, and stops by its pid. */
export type ServerProcess = Readonly<{ pid: number; stop(): Promise<void> }>

export type Command = Readonly<{
  name: string
  program: string
  args: readonly string[]
  cwd: string
  /** Receives what the program prints. */
  log: string
  /** Any answer at this address means that it is up. */
  readyUrl: string
}>

const startSeconds = 20
const stopSeconds = 15

/** Resolves when the server answers; rejects with the end of its log when it does not come up. */
export async function startServer(command: Command): Promise<ServerProcess> {
  const log = openSync(command.log, 'a')
  const child = spawn(command.program, command.args, { cwd: command.cwd, stdio: ['ignore', log, log] })
  // Listened for at once: a program that is not there reports it before anything can be awaited.
  const ended = once(child, 'exit').catch((error: unknown) => [error])
  let running = true
  const end = ended.then((result) => {
    running = false
    return result
  })
  async function stop(): Promise<void> {
    if (!running) return
    child.kill('SIGTERM')
    const force = setTimeout(() => child.kill('SIGKILL'), stopSeconds * 1000)
    await end
    clearTimeout(force)
  }
  try {
    await waitUntil(`${command.name} to answer ${command.readyUrl}`, startSeconds, async () => {
      if (!running) throw new Error(`${command.name} ended at once (${(await end).join(' ').trim()})`)
      return answers(command.readyUrl)
    })
  } catch (error) {
    await stop()
    throw new Error(`${command.name} did not start: ${await complaint(command.log)}`, {
      cause: error,
    })
  }
  if (child.pid === undefined) throw new Error(`${command.name} answers but has no pid`)
  return { pid: child.pid, stop }
}

/** The line of a log that tells most: the first that speaks of an error, else the last. */
async function complaint(log: string): Promise<string> {
  const lines = (await readFile(log, 'utf8')).trim().split('\n')
  return (lines.find((line) => /error|emerg/i.test(line)) ?? lines.at(-1) ?? '').slice(0, 300)
}

/** Whether anything at all answers there. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await get(url)
    response.destroy()
    return true
  } catch {
    // Nobody listens there (yet): that is the answer.
    return false
  }
}
