import { oneLine } from './config-error.ts'
import { escapeDollars } from './interpolate.ts'
import type { ResolvedOption } from './resolve-options.ts'

/**
 * Every option with its value and, above it, where that comes from; a configuration file that gives the same
 * configuration again. Secrets are commented out, so that their mask is never taken for one.
 */
export function printConfig(resolved: readonly ResolvedOption[], warnings: readonly string[]): string {
  const groups = Map.groupBy(resolved, ({ option }) => option.group)
  const notes = warnings.map((warning) => `# warning: ${warning}\n`)
  const sections = [...groups].map(([group, options]) => `[${group}]\n${options.map(printOption).join('')}`)
  return notes.join('') + sections.join('\n')
}

function printOption({ option, value, from }: ResolvedOption): string {
  const masked = option.secret === true && value !== undefined
  const line = masked ? `# ${option.name} = ****` : `${option.name} = ${printValue(value)}`
  return `# ${oneLine(from)}\n${line.trimEnd()}\n`
}

function printValue(value: unknown): string {
  if (value === undefined) return ''
  const text = escapeDollars(String(value))
  const wouldLoseItsEnds = text !== text.trim() || /^["'].*["']$/.test(text) || /^["']$/.test(text)
  return wouldLoseItsEnds ? `"${text}"` : text
}
