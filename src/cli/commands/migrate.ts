import type { Command } from '../command.ts'
import { UsageError } from '../errors.ts'

const drivers = ['sqlite', 'xattr']

export const migrate: Command = {
  name: 'migrate',
  summary: 'Take metadata from one driver to another, on this machine, while no server runs (--from, --to)',
  takes: 'nothing',
  action: 'migrate the metadata',
  async run(session) {
    const [from, to] = [
      driverOf('from', session.arguments.value('from')),
      driverOf('to', session.arguments.value('to')),
    ]
    if (from === to) throw new UsageError(`arguments --from, --to: both are ${from}`)
    const flags = (name: 'config-file' | 'config-dir') =>
      session.arguments.all(name).map((value) => `--${name}=${value}`)
    const configuration = [...flags('config-file'), ...flags('config-dir')]
    const { text, facts } = await session.migrate({ configuration, from, to })
    session.print(session.json ? JSON.stringify(facts) : text)
    return true
  },
}

function driverOf(option: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`the following arguments are required: --${option}`)
  if (drivers.includes(value)) return value
  throw new UsageError(`argument --${option}: invalid choice: '${value}' (choose from ${drivers.join(', ')})`)
}
