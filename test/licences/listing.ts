import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Each may be used in a program under Apache-2.0 without asking anything of whoever runs it. */
const allowed: readonly string[] = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']

type Dependency = Readonly<{ name: string; version: string; licence: string; isOptional: boolean }>

type Locked = Readonly<{ version?: string; license?: string; dev?: boolean; optional?: boolean }>

const root = join(import.meta.dirname, '../..')

/** What the installed program consists of beside itself: production dependencies, direct or not, in order of name. */
export function readDependencies(): Dependency[] {
  // npm writes it: package-lock.json, version 3.
  const lock: { packages: Record<string, Locked> } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version = '', license, optional }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
      return { name, version, licence: installedLicence(path) ?? license ?? 'none', isOptional: optional === true }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** In its own words; undefined where it is not installed, as what is for another system is not. */
function installedLicence(path: string): string | undefined {
  const file = join(root, path, 'package.json')
  if (!existsSync(file)) return undefined
  const { license }: { license?: unknown } = JSON.parse(readFileSync(file, 'utf8'))
  return typeof license === 'string' ? license : 'none'
}

/** Those that nobody has decided to accept. */
export const refused = (dependencies: readonly Dependency[]): Dependency[] =>
  dependencies.filter(({ licence }) => !allowed.includes(licence))

/** docs/licences.md */
export function licencesDocument(dependencies: readonly Dependency[]): string {
  const rows = dependencies.map(({ name, version, licence, isOptional }) =>
    [name, version, licence, isOptional ? 'where the system is that one' : ''].join(' | '),
  )
  return `# Licences

What is installed with Afterimage (itself under Apache-2.0), as \`npm run licences\` has found it in the packages. It fails when one of them is not under ${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}.

| package | version | licence | installed |
| --- | --- | --- | --- |
${rows.map((row) => `| ${row} |\n`).join('')}`
}
