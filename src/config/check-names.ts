import type { Assignment } from './assignment.ts'
import { ConfigError, quoteValue } from './config-error.ts'
import { nearestName } from './nearest-name.ts'
import { optionGroups } from './option-list.ts'

/** Edits up to which a name counts as misspelled. No option of Glance in DEFAULT comes nearer than 4 to one of ours. */
const misspelled = 2

/**
 * Looks for names that mean nothing. Throws for an unknown option in a group of our own; returns warnings for what
 * looks like a misspelling where other programs' names are welcome.
 */
export function checkNames(assignments: readonly Assignment[]): string[] {
  return assignments.flatMap(({ group: groupName, name, from }) => {
    const group = optionGroups.get(groupName)
    if (group === undefined) {
      const meant = nearestName(groupName, optionGroups.keys(), misspelled)
      const said = quoteValue(groupName)
      return meant === undefined ? [] : [`${from}: ${name} in group ${said} is ignored; did you mean [${meant}]?`]
    }
    if (Object.hasOwn(group.options, name) || group.foreign?.includes(name)) return []
    const options = Object.keys(group.options)
    if (group.ours) {
      const meant = nearestName(name, options, Math.ceil(name.length / 2))
      const hint = meant === undefined ? `there are ${options.join(', ')}` : `did you mean ${meant}?`
      throw new ConfigError(`[${groupName}] ${name} from ${from}: unknown option; ${hint}`)
    }
    const meant = nearestName(name, options, misspelled)
    return meant === undefined ? [] : [`${from}: ${name} in [${groupName}] is ignored; did you mean ${meant}?`]
  })
}
