import type { Config } from './config/config.ts'
import type { ManagementAccess } from './http/management-access.ts'
import { openAdmins } from './identity/admins.ts'

/** Who may manage the cache. `onFault` is told when Keystone cannot be asked. Disposing ends what it keeps open. */
export function openAccess(
  { management, keystone }: Config,
  onFault: (error: unknown) => void,
): Readonly<{ access: ManagementAccess }> & AsyncDisposable {
  switch (management.auth) {
    case 'none':
      return { access: { kind: 'everybody' }, ...nothingOpen }
    case 'disabled':
      return { access: { kind: 'nobody' }, ...nothingOpen }
    case 'keystone': {
      const { authUrl, cafile, insecure } = keystone
      // The configuration was checked: keystone is not chosen without its address.
      if (authUrl === undefined) throw new Error('[management] auth = keystone needs [keystone] auth_url')
      const admins = openAdmins({ authUrl, cafile, insecure, adminRoles: management.adminRoles })
      return {
        access: { kind: 'admins', admins, onFault },
        [Symbol.asyncDispose]: () => admins[Symbol.asyncDispose](),
      }
    }
    default:
      return management.auth satisfies never
  }
}

const nothingOpen: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} }
