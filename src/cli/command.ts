import type { ApiClient } from './api-client.ts'
import type { Arguments } from './arguments.ts'

/** What a command works with. */
export interface Session {
  readonly arguments: Arguments
  /** Ids of images, as the command takes them: checked, without repetitions. */
  readonly ids: readonly string[]
  readonly json: boolean
  readonly verbose: boolean
  /** The server, opened (and the credentials looked for) when it is first wanted. Throws a CommandFailed. */
  client(): ApiClient
  /** A line, or several, on stdout: the result. */
  print(text: string): void
  /** A line about what goes on: on stdout as Glance has it, on stderr when stdout is JSON. */
  say(text: string): void
  /** Asks `question [y/N] `; true at once with --force. Rejects where nobody answers. */
  confirm(question: string): Promise<boolean>
  migrate: Migrate
}

/** Moves what is known of the cached images from one metadata driver to the other; what came of it in words and facts. */
export type Migrate = (
  request: Readonly<{ configuration: readonly string[]; from: string; to: string }>,
) => Promise<Readonly<{ text: string; facts: object }>>

export type Command = Readonly<{
  name: string
  summary: string
  /** What follows the name. */
  takes: 'nothing' | 'one-id' | 'ids' | 'optional-ids'
  /** Completes `Failed to …`. */
  action: string
  /** False: it has said what went wrong; exit code 1. */
  run(session: Session): Promise<boolean>
}>
