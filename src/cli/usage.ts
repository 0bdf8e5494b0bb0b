import { nameOf } from './arguments.ts'
import { commandHelp } from './command-help.ts'
import { type ToolOption, toolOptions } from './options.ts'

const width = 79

/** The lines that begin the help and every complaint about the command line. */
export function usage(program: string): string {
  // Who asks is a matter of two dozen options: in the help.
  const shown = toolOptions.filter(({ key }) => !key.startsWith('os-') || key === 'os-cloud')
  const parts = shown.map((option: ToolOption) => {
    const name = option.short === undefined ? `--${option.long}` : `-${option.short}`
    return option.value === undefined ? `[${name}]` : `[${name} ${option.value}]`
  })
  const first = `usage: ${program} `
  return wrap([...parts, '[--os-OPTION VALUE]', 'command [ID ...]'], first, ' '.repeat(first.length))
}

export function help(program: string): string {
  const options = toolOptions.map((option: ToolOption) => {
    const title = `  ${[nameOf(option).replace('/', ', '), option.value ?? ''].join(' ').trimEnd()}`
    const indent = ' '.repeat(24)
    const short = title.length <= indent.length - 2
    const text = wrap(option.help.split(' '), short ? title.padEnd(indent.length) : indent, indent)
    return short ? text : `${title}\n${text}`
  })
  return `${usage(program)}

What is in the cache of an image API, what is on its way there, and what is to
go. The cache is that of one server: name it with --host, not a load balancer.

${commandHelp()}options:
${options.join('\n')}
`
}

/** Words in lines of at most `width`, the first behind `first`, the others behind `indent`. */
function wrap(words: readonly string[], first: string, indent: string): string {
  const lines: string[] = []
  let line = first
  let isEmpty = true
  for (const word of words) {
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent
      isEmpty = true
    }
    line += isEmpty ? word : ` ${word}`
    isEmpty = false
  }
  return [...lines, line].join('\n')
}
