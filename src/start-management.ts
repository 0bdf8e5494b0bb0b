import type { Config } from './config/config.ts'
import type { ManagementAccess } from './http/management-access.ts'
import { openAdmins } from './identity/admins.ts'
import type { Management } from './management/management.ts'
import { openManagement } from './management/open-management.ts'
import { periodically } from './management/periodically.ts'
import { Prefetcher } from './management/prefetcher.ts'
import { prune } from './management/prune.ts'
import { Scrubber } from './management/scrubber.ts'
import { Verifier } from './management/verify.ts'
import type { OpenedCache } from './open-cache.ts'

/** What manages the cache of a server, by its own clock and for whoever asks. Disposing ends what it has under way. */
export interface StartedManagement extends AsyncDisposable {
  readonly management: Management
  readonly prefetcher: Prefetcher
  readonly access: ManagementAccess
}

export async function startManagement(opened: OpenedCache, config: Config): Promise<StartedManagement> {
  await using started = new AsyncDisposableStack()
  const { cache, queue, events, ownCaller } = opened
  const prefetcher = started.use(
    new Prefetcher({ queue, cache, events, ownCaller, concurrency: config.cache.prefetchConcurrency }),
  )
  const verifier = started.use(new Verifier({ ...opened, requeue: (id) => queue.add(id) }))
  const scrubber = {
    intervalMs: config.cache.verifyInterval * 1000,
    bytesPerSecond: config.cache.verifyRate,
  }
  started.use(new Scrubber({ ...opened, verifier, ...scrubber }))
  const tools = {
    ...opened,
    space: cache.space,
    prefetcher,
    verifier,
    maxSize: config.default.imageCacheMaxSize,
    stallMs: config.default.imageCacheStallTime * 1000,
  }
  const management = openManagement(tools)
  const onPruneFault = (error: unknown) => events.fault('pruning', undefined, error)
  started.use(periodically(config.cache.pruneInterval * 1000, (signal) => prune(tools, signal), onPruneFault))
  const access = managementAccess(config, (error) => events.fault('asking Keystone', undefined, error))
  if (access.kind === 'admins') started.use(access.admins)
  await prefetcher.resume(config.cache.prefetchInterval * 1000)
  const whole = started.move()
  return { management, prefetcher, access, [Symbol.asyncDispose]: () => whole.disposeAsync() }
}

function managementAccess({ management, keystone }: Config, onFault: (error: unknown) => void): ManagementAccess {
  switch (management.auth) {
    case 'none':
      return { kind: 'everybody' }
    case 'disabled':
      return { kind: 'nobody' }
    case 'keystone': {
      const { authUrl, cafile, insecure } = keystone
      // The configuration was checked: keystone is not chosen without its address.
      if (authUrl === undefined) throw new Error('[management] auth = keystone needs [keystone] auth_url')
      return {
        kind: 'admins',
        admins: openAdmins({ authUrl, cafile, insecure, adminRoles: management.adminRoles }),
        onFault,
      }
    }
    default:
      return management.auth satisfies never
  }
}
