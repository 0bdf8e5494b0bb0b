/** Flags of a tool itself, without values, each with the line that --help says of it. */
export type ToolFlags = Readonly<Record<`--${string}`, string>>

/**
 * Takes a tool's own flags (`--json`) out of its arguments. What is left is the configuration's to read, and to refuse:
 * an unknown flag, or one of these with a value.
 */
export function takeFlags<Flag extends string>(
  argv: readonly string[],
  names: readonly Flag[],
): Readonly<{ flags: ReadonlySet<Flag>; rest: readonly string[] }> {
  const flags = new Set<Flag>()
  const rest: string[] = []
  for (const argument of argv) {
    const flag = names.find((name) => name === argument)
    if (flag === undefined) rest.push(argument)
    else flags.add(flag)
  }
  return { flags, rest }
}

/** How a tool's --help begins (LoadOptions.usage); the flags that every program takes follow it. */
export function toolUsage(name: string, purpose: string, flags: ToolFlags): string {
  const own = Object.keys(flags)
  const lines = Object.entries(flags).map(([flag, help]) => `  ${flag.padEnd(18)}  ${help}\n`)
  return `Usage: ${name} ${own.map((flag) => `[${flag}] `).join('')}[--config-file FILE]... [--config-dir DIR]... [--OPTION VALUE]...

${purpose}

${lines.join('')}`
}
