import { type ParseArgsOptionDescriptor, parseArgs } from 'node:util'
import { UsageError } from './errors.ts'
import { type OptionKey, type ToolOption, toolOptions } from './options.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** What the command line and the environment ask for. */
export interface Arguments {
  /** The command and what follows it that is no option. */
  readonly words: readonly string[]
  has(key: OptionKey): boolean
  /** The last one given, else the environment's. */
  value(key: OptionKey): string | undefined
  /** Only what stands on the command line. */
  given(key: OptionKey): string | undefined
  all(key: OptionKey): readonly string[]
}

const table: readonly ToolOption[] = toolOptions
const byName = new Map<string, ToolOption>()
for (const option of table) {
  for (const name of namesOf(option)) byName.set(name, option)
}
const descriptors: Record<string, ParseArgsOptionDescriptor> = {}
for (const [name, option] of byName) {
  const short = name === option.long && option.short !== undefined ? { short: option.short } : {}
  descriptors[name] = { type: option.value === undefined ? 'boolean' : 'string', ...short }
}

/**
 * Options may stand before and after the command, `--` ends them; long names may be cut short as far as they stay
 * clear. Throws a UsageError.
 */
export function readArguments(argv: readonly string[], env: Environment): Arguments {
  const { tokens } = parseArgs({
    args: expandPrefixes(argv),
    options: descriptors,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const words: string[] = []
  const found = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const option = byName.get(token.name)
    if (option === undefined) throw new UsageError(`unrecognized arguments: ${token.rawName}`)
    found.set(option.key, [...(found.get(option.key) ?? []), textOf(option, token.value, token.inlineValue)])
  }
  const given = (key: OptionKey) => found.get(key)?.at(-1)
  return {
    words,
    has: (key) => found.has(key),
    given,
    value: (key) => given(key) ?? fromEnvironment(key, env),
    all: (key) => found.get(key) ?? [],
  }
}

/** `-H/--host`, as argparse names an option in its complaints. */
export function nameOf({ short, long }: ToolOption): string {
  return short === undefined ? `--${long}` : `-${short}/--${long}`
}

function namesOf({ long, aliases = [] }: ToolOption): string[] {
  return [...new Set([long, long.replaceAll('-', '_'), ...aliases])]
}

function textOf(option: ToolOption, value: string | undefined, isInline: boolean | undefined): string {
  if (option.value === undefined) {
    if (value !== undefined) throw new UsageError(`argument ${nameOf(option)}: ignored explicit argument`)
    return ''
  }
  // What looks like an option is one: `--os-password --force` is a forgotten password. `--os-password=-x` is not.
  if (value === undefined || (isInline !== true && /^-./.test(value))) {
    throw new UsageError(`argument ${nameOf(option)}: expected one argument`)
  }
  return value
}

/** Whole names for those that were cut short. */
function expandPrefixes(argv: readonly string[]): string[] {
  const end = argv.indexOf('--')
  return argv.map((argument, at) => {
    const cut = /^--([^=]+)(.*)$/s.exec(argument)?.slice(1)
    if (cut === undefined || (end >= 0 && at > end)) return argument
    const [name = '', rest = ''] = cut
    if (byName.has(name)) return argument
    const meant = new Set([...byName].filter(([known]) => known.startsWith(name)).map(([, option]) => option))
    if (meant.size > 1) {
      const names = [...meant].map(({ long }) => `--${long}`).join(', ')
      throw new UsageError(`ambiguous option: --${name} could match ${names}`)
    }
    const [option] = meant
    return option === undefined ? argument : `--${option.long}${rest}`
  })
}

function fromEnvironment(key: OptionKey, env: Environment): string | undefined {
  const names = table.find((option) => option.key === key)?.env ?? []
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '')
}
