import type { Command } from './command.ts'
import { commands } from './commands.ts'

/** All commands and what each does. */
export function commandHelp(): string {
  const lines = [
    ['help <command>', 'Show how a command is used'],
    ...commands.map(({ name, summary }) => [name, summary]),
  ]
  return `Commands:\n\n${lines.map(([name = '', summary]) => `    ${name.padEnd(28)}${summary}\n\n`).join('')}`
}

const operands: Readonly<Record<Command['takes'], string>> = {
  nothing: '',
  'one-id': ' <IMAGE_ID>',
  ids: ' <IMAGE_ID>...',
  'optional-ids': ' [<IMAGE_ID>...]',
}

/** How one command is used. */
export function helpOf(program: string, { name, takes, summary }: Command): string {
  const options = name === 'migrate' ? ' --from <DRIVER> --to <DRIVER> [--config-file <FILE>]' : ''
  return `${program} ${name}${operands[takes]}${options} [options]\n\n    ${summary}.\n`
}
