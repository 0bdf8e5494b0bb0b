import type { Assignment } from './assignment.ts'
import { ConfigError } from './config-error.ts'

/**
 * oslo.config's dialect of INI, line by line: comments begin in the first column, an indented line continues the value
 * before it (a blank line or a comment ends that), a value's outer quotes are dropped, the first of `=` and `:` divides.
 * Group names are taken in any case, except DEFAULT. Throws a ConfigError that says `file:line`.
 */
export function parseIni(text: string, file: string): Assignment[] {
  const assignments: Assignment[] = []
  let group: string | undefined
  let open: { name: string; lines: string[]; from: string } | undefined

  const close = () => {
    if (open !== undefined && group !== undefined) {
      assignments.push({ group, name: open.name, text: open.lines.join('\n'), from: open.from })
    }
    open = undefined
  }

  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.trimEnd()
    const from = `${file}:${index + 1}`
    if (/^[ \t]/.test(line)) {
      if (open === undefined) throw new ConfigError(`${from}: an indented line continues a value, and there is none`)
      open.lines.push(line.trimStart())
      continue
    }
    close()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    if (line.startsWith('[')) {
      group = parseGroup(line, from)
      continue
    }
    if (group === undefined) {
      throw new ConfigError(`${from}: an option before the first [group]: write [DEFAULT] above it`)
    }
    const { name, value } = parseOption(line, from)
    open = { name, lines: [value], from }
  }
  close()
  return assignments
}

function parseGroup(line: string, from: string): string {
  if (!line.endsWith(']')) throw new ConfigError(`${from}: a group's line begins with [ and has to end with ]`)
  const name = line.slice(1, -1)
  if (name === '') throw new ConfigError(`${from}: a group without a name`)
  return name === 'DEFAULT' ? name : name.toLowerCase()
}

/** The line itself is not quoted in errors: it may hold a password. */
function parseOption(line: string, from: string): { name: string; value: string } {
  const divider = line.search(/[=:]/)
  if (divider < 0) throw new ConfigError(`${from}: neither a [group] nor "option = value"`)
  const name = line.slice(0, divider).trim()
  if (name === '') throw new ConfigError(`${from}: a value without an option's name before it`)
  const value = line.slice(divider + 1).trim()
  const quoted = /^["']/.test(value) && value.endsWith(value.charAt(0))
  return { name, value: quoted ? value.slice(1, -1) : value }
}
