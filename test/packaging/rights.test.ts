import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** What test/faults/authority/read-only-root.faults.ts shows to be enough. */
test('systemd gives the server no right that it does not need', () => {
  const unit = new Map(
    read('packaging/afterimage-api.service')
      .split('\n')
      .flatMap((line) => {
        const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? []
        return name === undefined || value === undefined ? [] : [[name, value] as const]
      }),
  )
  const wanted = {
    User: 'afterimage',
    StateDirectory: 'afterimage',
    StateDirectoryMode: '0750',
    ProtectSystem: 'strict',
    ProtectHome: 'yes',
    PrivateTmp: 'yes',
    PrivateDevices: 'yes',
    NoNewPrivileges: 'yes',
    AmbientCapabilities: '',
    CapabilityBoundingSet: '',
    RestrictSUIDSGID: 'yes',
    UMask: '0027',
    LimitCORE: '0',
  }
  for (const [name, value] of Object.entries(wanted)) assert.equal(unit.get(name), value, name)
  // The one place to write to is the state directory, where the sample configuration keeps the cache.
  assert.equal(unit.has('ReadWritePaths'), false)
  assert.match(read('packaging/afterimage.conf'), /^#image_cache_dir = \/var\/lib\/afterimage\//m)
})

test('cron runs the programs as the user whose cache it is', () => {
  const jobs = read('packaging/afterimage.cron')
    .split('\n')
    .filter((line) => /^[*\d]/.test(line))
  assert.equal(jobs.length, 3)
  for (const job of jobs) assert.match(job, / afterimage afterimage-cache-/)
  assert.match(read('packaging/afterimage.sysusers'), /^u afterimage - "[^"]*" \/var\/lib\/afterimage$/m)
})

test('the image runs as a user without rights, and what he may write to is a volume', () => {
  const last =
    read('Dockerfile')
      .split(/^FROM /m)
      .at(-1) ?? ''
  assert.match(last, /^USER node$/m)
  assert.match(last, /^VOLUME \/var\/lib\/afterimage$/m)
  assert.match(last, /install -d -o node -g node \/var\/lib\/afterimage/)
})
