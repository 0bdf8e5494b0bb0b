import type { Assignment } from './assignment.ts'
import { ConfigError, quoteValue } from './config-error.ts'
import { interpolate } from './interpolate.ts'
import { findOption, type NamedOption, optionList } from './option-list.ts'
import { labelOf } from './option-names.ts'

/** An option's value, of its kind, or undefined where it is unset; and where it comes from. */
export type ResolvedOption = Readonly<{ option: NamedOption; value: unknown; from: string }>

type Text = Readonly<{ text: string; from: string }>

/**
 * The last assignment of each option wins, the default stands where there is none. Only values that count are looked
 * at: what is overridden, or belongs to another program, may be anything. Throws a ConfigError for a value of the wrong
 * kind and for a reference to nothing.
 */
export function resolveOptions(
  assignments: readonly Assignment[],
  place: Readonly<{ installed: boolean; cwd: string }>,
): ResolvedOption[] {
  const textOf = readTexts(assignments, place.installed)
  return optionList.map((option) => {
    const { text, from } = textOf(option.group, option.name) ?? { text: '', from: 'default' }
    if (text === '' && option.default === undefined) return { option, value: undefined, from }
    const value = text === '' ? undefined : option.kind.parse(text, place.cwd)
    if (value === undefined) throw new ConfigError(wrongKind(option, text, from))
    return { option, value, from }
  })
}

/** A function that gives an option's text with its references replaced; undefined for what is neither given nor ours. */
function readTexts(assignments: readonly Assignment[], installed: boolean) {
  // No name has a line break in it.
  const given = new Map(assignments.map((assignment) => [`${assignment.group}\n${assignment.name}`, assignment]))
  const underway = new Set<Assignment>()

  const textOf = (group: string, name: string): Text | undefined => {
    const assignment = given.get(`${group}\n${name}`)
    if (assignment !== undefined) return { text: expand(assignment), from: assignment.from }
    const option = findOption(group, name)
    return option && { text: defaultOf(option), from: 'default' }
  }

  const defaultOf = ({ default: value = '' }: NamedOption): string =>
    typeof value === 'string'
      ? value
      : value.from({ installed, textOf: (group, name) => textOf(group, name)?.text ?? '' })

  const expand = (assignment: Assignment): string => {
    const { from } = assignment
    if (underway.has(assignment)) throw new ConfigError(`${labelOf(assignment)} from ${from}: refers to itself`)
    underway.add(assignment)
    const text = interpolate(assignment.text, (reference) => {
      for (const [group, name] of places(assignment.group, reference)) {
        const found = textOf(group, name)
        if (found !== undefined) return found.text
      }
      return danglingReference(assignment, reference)
    })
    underway.delete(assignment)
    return text
  }
  return textOf
}

/** Where oslo.config looks: in the group named, or the referring option's own, and then in DEFAULT. */
function places(group: string, reference: string): [group: string, name: string][] {
  const dot = reference.indexOf('.')
  const first: [string, string] = dot < 0 ? [group, reference] : [reference.slice(0, dot), reference.slice(dot + 1)]
  return first[0] === 'DEFAULT' ? [first] : [first, ['DEFAULT', reference]]
}

/** oslo.config fails here too. The part of a password behind a dollar sign is not repeated. */
function danglingReference(assignment: Assignment, reference: string): never {
  const secret = findOption(assignment.group, assignment.name)?.secret === true
  const what = secret
    ? 'a dollar sign refers to an option that is not set'
    : `$${reference} refers to no option that is set`
  throw new ConfigError(`${labelOf(assignment)} from ${assignment.from}: ${what}; a plain dollar sign is written $$`)
}

function wrongKind(option: NamedOption, text: string, from: string): string {
  const shown = option.secret === true ? '****' : quoteValue(text)
  const refused = Object.entries(option.refused ?? {}).find(([word]) => word === text.trim().toLowerCase())
  const hint = refused === undefined ? '' : `; ${refused[1]}`
  return `${labelOf(option)} = ${shown} from ${from}: expected ${option.kind.accepts}${hint}`
}
