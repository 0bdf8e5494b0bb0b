import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const checkout = join(import.meta.dirname, '../../..')

test('npm knows of no weakness in what is installed with the program', (t) => {
  const ran = spawnSync('npm', ['audit', '--omit=dev', '--json'], { cwd: checkout, encoding: 'utf8', timeout: 120_000 })
  // Either npm's report (npm-audit, "auditReportVersion") or why there is none.
  const said: { vulnerabilities?: Record<string, unknown>; statusCode?: number; message?: string } = JSON.parse(
    ran.stdout || '{}',
  )
  if (said.statusCode === 404 || said.statusCode === 405) {
    // A registry inside a company may hold packages only.
    t.skip(`this machine's registry has no advisories: ${said.message}`)
    return
  }
  assert(said.vulnerabilities !== undefined, `no report: ${said.message ?? ran.stderr}`)
  assert.deepEqual(Object.keys(said.vulnerabilities), [])
  assert.equal(ran.status, 0, ran.stderr)
})
