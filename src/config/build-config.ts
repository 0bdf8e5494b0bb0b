import type { Config } from './config.ts'
import { camelCase } from './option-names.ts'
import type { ResolvedOption } from './resolve-options.ts'

/** The resolved options as one frozen object. */
export function buildConfig(resolved: readonly ResolvedOption[]): Config {
  const groups = Map.groupBy(resolved, ({ option }) => camelCase(option.group.toLowerCase()))
  const entries = [...groups].map(([group, options]): [string, unknown] => [
    group,
    Object.freeze(Object.fromEntries(options.map(({ option, value }) => [camelCase(option.name), value]))),
  ])
  // Config is derived from the table of which `resolved` has every option, each value parsed by that option's own kind:
  // the compiler cannot follow the names through the loop.
  return Object.freeze(Object.fromEntries(entries)) as Config
}
