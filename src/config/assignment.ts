/** An option was given a text, somewhere. The group is DEFAULT or in lower case; text is as written, not interpolated. */
export type Assignment = Readonly<{
  group: string
  name: string
  text: string
  /** For people: `file:line`, the environment variable or the flag. */
  from: string
}>
