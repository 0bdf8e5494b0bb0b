/** Names of fields that may hold one. */
export const secret: ReadonlySet<string> = new Set(['headers', 'token', 'password'])

/** What is written in its place. */
export const blank = '***'

type Fields = Readonly<Record<string, unknown>>

/** Fields of fields of fields …: an end for those that hold themselves. */
const deepest = 8

/** The same fields, with `***` for those whose name says that they hold a secret, however deep they lie. */
export const blankSecrets = (fields: Fields): Fields => blankedTo(deepest, fields)

function blankedTo(depth: number, fields: Fields): Fields {
  // Made only when there is something to blank: every download's line comes this way.
  let blanked: Record<string, unknown> | undefined
  for (const name in fields) {
    const value = fields[name]
    const shown = secret.has(name) ? blank : depth > 0 && isNested(value) ? blankedTo(depth - 1, value) : value
    if (shown === value) continue
    blanked ??= copy(fields)
    blanked[name] = shown
  }
  return blanked ?? fields
}

/** Errors are told in words of their own; see log.ts. */
const isNested = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !(value instanceof Error)

/** A list stays one: it is written as such. */
const copy = (fields: Fields): Record<string, unknown> =>
  Array.isArray(fields) ? Object.assign([], fields) : { ...fields }
