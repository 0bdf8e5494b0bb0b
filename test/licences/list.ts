/** npm run licences: writes docs/licences.md. Exit status 1 when a dependency's licence is none that was accepted. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { licencesDocument, readDependencies, refused } from './listing.ts'

const dependencies = readDependencies()
writeFileSync(join(import.meta.dirname, '../../docs/licences.md'), licencesDocument(dependencies))
for (const { name, version, licence } of refused(dependencies)) {
  console.error(`${name} ${version}: licence ${licence}, which nobody has accepted`)
  process.exitCode = 1
}
console.log(`${dependencies.length} production dependencies, listed in docs/licences.md`)
