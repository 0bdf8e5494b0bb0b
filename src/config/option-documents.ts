import { type NamedOption, optionGroups, optionList } from './option-list.ts'
import type { Group } from './options.ts'

/** The option tables of docs/configuration.md: one for each group, under its own heading. */
export function renderOptionsTable(): string {
  return eachGroup((name, group, options) => {
    const rows = options.map((option) => [
      `\`${option.name}\``,
      `\`${option.environment}\`<br>\`${option.flag}\``,
      option.kind.accepts,
      describeDefault(option),
      option.help,
    ])
    const table = renderTable(['option', 'environment, flag', 'value', 'default', 'meaning'], rows)
    return `### \`[${name}]\`\n\n${group.help}.\n\n${table}`
  })
}

/** Columns are padded as the formatter would, so that it leaves the document alone. */
function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const lines = [head, widths.map((width) => '-'.repeat(width)), ...rows]
  const padded = lines.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  return padded.map((cells) => `| ${cells.join(' | ')} |\n`).join('')
}

/** packaging/afterimage.conf: every option of an installed program, commented out, at its default. */
export function renderSample(): string {
  const head =
    '# Afterimage: every option there is, at its default. --print-config shows what is in force and why;\n' +
    '# an existing glance-api.conf can be handed in beside this file: --config-file, given again, adds to it.\n\n'
  const body = eachGroup((name, group, options) => {
    const entries = options.map((option) => {
      const value = `#${option.name} = ${installedDefault(option)}`.trimEnd()
      return `\n# ${option.help}\n# ${option.kind.accepts}; ${option.environment}, ${option.flag}\n${value}\n`
    })
    return `# ${group.help}\n[${name}]\n${entries.join('')}`
  })
  return `${head}${body}`
}

/** What --help says of the options. */
export function renderHelp(): string {
  return eachGroup((name, group, options) => {
    const entries = options.map((option) => {
      const value = describeDefault(option).replaceAll('`', '')
      const line = `  ${option.flag} ${option.kind.name.toUpperCase()}`
      const indent = '\n      '
      return `${line}${indent}${option.help}${indent}${option.kind.accepts}${indent}${option.environment}; default: ${value}\n`
    })
    return `[${name}] ${group.help}\n${entries.join('')}`
  })
}

function eachGroup(render: (name: string, group: Group, options: readonly NamedOption[]) => string): string {
  const rendered = [...optionGroups].map(([name, group]) =>
    render(
      name,
      group,
      optionList.filter((option) => option.group === name),
    ),
  )
  return rendered.join('\n')
}

function describeDefault({ default: value }: NamedOption): string {
  if (value === undefined) return 'unset'
  return typeof value === 'string' ? `\`${value}\`` : value.text
}

function installedDefault({ default: value = '' }: NamedOption): string {
  return typeof value === 'string' ? value : value.from({ installed: true, textOf: () => '' })
}
