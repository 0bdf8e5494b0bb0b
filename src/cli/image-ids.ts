import type { Command } from './command.ts'
import { CommandFailed, UsageError } from './errors.ts'

/**
 * The images that a command is given: UUIDs in the form that Glance writes, none twice. All are looked at before
 * anything is done. Throws a UsageError or a CommandFailed.
 */
export function readImageIds({ name, takes }: Command, words: readonly string[]): readonly string[] {
  if (takes === 'nothing' && words.length > 0) throw new UsageError(`unrecognized arguments: ${words.join(' ')}`)
  const needsOne = takes === 'ids' || takes === 'one-id'
  if ((needsOne && words.length === 0) || (takes === 'one-id' && words.length > 1)) {
    const first = takes === 'one-id' ? ' as the first and only argument' : ''
    throw new CommandFailed(`Please specify the ID of the image you wish for command '${name}'${first}.`)
  }
  return [...new Set(words.map(canonical))]
}

function canonical(word: string): string {
  const digits = /^(\w{8})-?(\w{4})-?(\w{4})-?(\w{4})-?(\w{12})$/.exec(word)?.slice(1).join('-').toLowerCase()
  if (digits !== undefined && /^[\da-f-]{36}$/.test(digits)) return digits
  throw new CommandFailed(`Image ID '${word}' is not a valid UUID.`)
}
