import type { Assignment } from './assignment.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Every `OS_<GROUP>__<OPTION>`, whoever it is meant for: values may refer to options of other programs. */
export function readEnvironment(env: Environment): Assignment[] {
  return Object.entries(env).flatMap(([variable, text]) => {
    const [, group, name] = /^OS_([A-Z0-9_]+?)__([A-Z0-9_]+)$/.exec(variable) ?? []
    if (group === undefined || name === undefined || text === undefined) return []
    return [
      { group: group === 'DEFAULT' ? group : group.toLowerCase(), name: name.toLowerCase(), text, from: variable },
    ]
  })
}
