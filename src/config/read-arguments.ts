import type { Assignment } from './assignment.ts'
import { ConfigError, quoteValue } from './config-error.ts'
import { boolean } from './kinds.ts'
import { nearestName } from './nearest-name.ts'
import { optionList } from './option-list.ts'

/** What the command line asks for. */
export type Arguments = Readonly<{
  action: 'run' | 'help' | 'version' | 'print-config'
  files: readonly string[]
  dirs: readonly string[]
  assignments: readonly Assignment[]
}>

const switches = ['--help', '--version', '--print-config']
const flags = new Map(optionList.map((option) => [option.flag, option]))
const known = [...switches, '--config-file', '--config-dir', ...flags.keys()]

/** `--name=value` or `--name value`; a boolean's name alone says true. Whoever asks for help gets it, errors or not. */
export function readArguments(argv: readonly string[]): Arguments {
  if (argv.includes('--help') || argv.includes('-h')) return { action: 'help', files: [], dirs: [], assignments: [] }
  const files: string[] = []
  const dirs: string[] = []
  const assignments: Assignment[] = []
  const asked = new Set<string>()

  for (let index = 0; index < argv.length; index += 1) {
    const { flag, inline } = split(argv[index] ?? '')
    const following = argv[index + 1]
    const value = (): string | undefined => {
      if (inline !== undefined) return inline
      if (following === undefined || following.startsWith('--')) return undefined
      index += 1
      return following
    }
    const option = flags.get(flag)
    if (option !== undefined) {
      const text = value() ?? (option.kind === boolean ? 'true' : missing(flag, option.kind.accepts))
      assignments.push({ group: option.group, name: option.name, text, from: flag })
    } else if (flag === '--config-file') {
      files.push(value() ?? missing(flag, 'a file'))
    } else if (flag === '--config-dir') {
      dirs.push(value() ?? missing(flag, 'a directory'))
    } else if (switches.includes(flag) && inline === undefined) {
      asked.add(flag)
    } else {
      throw new ConfigError(complaint(flag))
    }
  }
  const action = asked.has('--version') ? 'version' : asked.has('--print-config') ? 'print-config' : 'run'
  return { action, files, dirs, assignments }
}

function split(argument: string): { flag: string; inline: string | undefined } {
  const divider = argument.startsWith('--') ? argument.indexOf('=') : -1
  if (divider < 0) return { flag: argument, inline: undefined }
  return { flag: argument.slice(0, divider), inline: argument.slice(divider + 1) }
}

function missing(flag: string, accepted: string): never {
  throw new ConfigError(`${flag}: expected ${accepted} behind it, found nothing`)
}

function complaint(argument: string): string {
  if (switches.includes(argument)) return `${argument}: takes no value`
  if (!argument.startsWith('-')) return `unexpected argument ${quoteValue(argument)}: options are given as --name=value`
  const nearest = nearestName(argument, known, Math.ceil(argument.length / 2))
  return `${argument}: unknown flag; ${nearest === undefined ? '--help lists all' : `did you mean ${nearest}?`}`
}
