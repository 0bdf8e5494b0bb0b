import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type TemplateValues = Readonly<Record<string, string | number>>

/** Writes `path` from a template of this directory, in which `@NAME@` stands for `values.NAME`. Throws where one is missing. */
export async function fillTemplate(template: string, path: string, values: TemplateValues): Promise<void> {
  const text = await readFile(join(import.meta.dirname, template), 'utf8')
  const filled = text.replace(/@([A-Z][A-Z_]*)@/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${template}: nothing to put in for @${name}@`)
    return `${value}`
  })
  await writeFile(path, filled)
}
