import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { startPython } from './python.ts'

/** Distributions package Glance for their own Python. */
const interpreter = '/usr/bin/python3'

function missing(): string | undefined {
  try {
    execFileSync(interpreter, ['-c', 'import glance.image_cache.drivers.sqlite, xattr'], { stdio: 'pipe' })
    return undefined
  } catch {
    return `Glance is not installed for ${interpreter}`
  }
}

/** Why tests with Glance's own code are skipped, for node:test; false where they run. */
export const withoutGlance: string | false = missing() ?? false

/** Glance's own cache driver of that name, on `dir`. Methods of it by name, and whole downloads through it. */
export function startGlance(t: TestContext, name: string, dir: string) {
  return startPython(
    t,
    interpreter,
    `
import os
from glance.common import config
from glance.image_cache.drivers import ${name}
config.CONF([], default_config_files=[])
config.CONF.set_override('image_cache_dir', ${JSON.stringify(dir)})
driver = ${name}.Driver()
for sub in ('incomplete', 'invalid', 'queue'):
    os.makedirs(os.path.join(${JSON.stringify(dir)}, sub), exist_ok=True)
driver.configure()
`,
    `
if request['do'] == 'write':
    with driver.open_for_write(request['id']) as file:
        file.write(request['text'].encode())
    return None
if request['do'] == 'read':
    with driver.open_for_read(request['id']) as file:
        return file.read().decode()
if request['do'] == 'accessed':
    return {image['image_id']: int(image['last_accessed']) for image in driver.get_cached_images()}
return getattr(driver, request['do'])(*request.get('args', []))
`,
  )
}
