import { buildConfig } from './build-config.ts'
import { checkNames } from './check-names.ts'
import type { Config } from './config.ts'
import { ConfigError, oneLine } from './config-error.ts'
import { crossCheck } from './cross-checks.ts'
import { renderHelp } from './option-documents.ts'
import { printConfig } from './print-config.ts'
import { programVersion } from './program-version.ts'
import { type Arguments, readArguments } from './read-arguments.ts'
import { type Environment, readEnvironment } from './read-environment.ts'
import { isPresent, readConfigFiles } from './read-files.ts'
import { resolveOptions } from './resolve-options.ts'

export type LoadOptions = Readonly<{
  /** Without the program's own two: `process.argv.slice(2)`. */
  argv: readonly string[]
  env: Environment
  /** Relative paths are relative to it. */
  cwd: string
  /** Whether the paths of an installed program are the defaults. Told from this module: the build has no .ts files. */
  installed?: boolean
  /** Read when installed, if it is there and no configuration file or directory is named. */
  defaultFile?: string
  /** How --help begins, flags of the program's own included; that of afterimage-api without it. Ends with a line break. */
  usage?: string
}>

export type LoadedConfig = Readonly<{
  kind: 'config'
  config: Config
  warnings: readonly string[]
  /** Whether nobody has set this option. */
  isDefault(group: string, name: string): boolean
}>

export type LoadResult =
  | LoadedConfig
  /** To be written to stdout as it is, exit code 0. */
  | Readonly<{ kind: 'print'; text: string }>
  /** One line without a line break, for stderr; exit code 2. */
  | Readonly<{ kind: 'error'; message: string }>

/**
 * Files, then environment, then flags; the later wins. Reads the files named and nothing else. A wrong configuration is
 * a result, not an exception.
 */
export function loadConfig(options: LoadOptions): LoadResult {
  try {
    return load(options)
  } catch (error) {
    if (error instanceof ConfigError) return { kind: 'error', message: error.message }
    throw error
  }
}

function load(options: LoadOptions): LoadResult {
  const { argv, env, cwd, installed = !import.meta.url.endsWith('.ts') } = options
  const command = readArguments(argv)
  if (command.action === 'help') return { kind: 'print', text: helpText(options.usage) }
  if (command.action === 'version') return { kind: 'print', text: `afterimage ${programVersion()}\n` }

  const { defaultFile = '/etc/afterimage/afterimage.conf' } = options
  const files = installed ? withDefaultFile(command, defaultFile) : command.files
  const assignments = [...readConfigFiles(files, command.dirs, cwd), ...readEnvironment(env), ...command.assignments]
  const misspellings = checkNames(assignments)
  const resolved = resolveOptions(assignments, { installed, cwd })
  const config = buildConfig(resolved)
  const from = (group: string, name: string) =>
    resolved.find(({ option }) => option.group === group && option.name === name)?.from ?? 'default'
  const warnings = [...new Set([...misspellings, ...crossCheck(config, from)].map(oneLine))]
  if (command.action === 'print-config') return { kind: 'print', text: printConfig(resolved, warnings) }
  return { kind: 'config', config, warnings, isDefault: (group, name) => from(group, name) === 'default' }
}

/** Named files replace the default one, as with oslo.config. */
function withDefaultFile({ files, dirs }: Arguments, defaultFile: string): readonly string[] {
  const named = files.length + dirs.length > 0
  return named || !isPresent(defaultFile) ? files : [defaultFile]
}

const serverUsage = `Usage: afterimage-api [--config-file FILE]... [--config-dir DIR]... [--OPTION VALUE]...

Serves the image API from a local cache in front of Glance or of a directory of images.

`

function helpText(usage = serverUsage): string {
  return `${usage}  --config-file FILE  read options from FILE; a later file wins over an earlier one
  --config-dir DIR    read DIR's *.conf files in order, after the files
  --print-config      print every option, its value and where it comes from, and exit
  --version           print the version and exit
  --help, -h          print this and exit

Every option can be set in a file, by its environment variable, or by its flag; the later of these wins.

${renderHelp()}`
}
