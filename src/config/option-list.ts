import { environmentName, flagName } from './option-names.ts'
import { type Group, type Option, optionTable } from './options.ts'

/** An option with all the names it goes by. */
export type NamedOption = Option & Readonly<{ group: string; name: string; environment: string; flag: string }>

/** The groups in the order of the documents. */
export const optionGroups: ReadonlyMap<string, Group> = new Map<string, Group>(Object.entries(optionTable))

/** Every option in the order of the table. */
export const optionList: readonly NamedOption[] = [...optionGroups].flatMap(([group, { options }]) =>
  Object.entries(options).map(([name, option]) => ({
    ...option,
    group,
    name,
    environment: environmentName(group, name),
    flag: flagName(group, name),
  })),
)

export function findOption(group: string, name: string): NamedOption | undefined {
  return optionList.find((option) => option.group === group && option.name === name)
}
