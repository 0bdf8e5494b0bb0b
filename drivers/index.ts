import { type Driver, DriverError, type DriverOptions } from './driver.ts'
import { openSqlite } from './sqlite.ts'
import { openXattr } from './xattr.ts'

/** Every metadata driver, by the name that `image_cache_driver` has for it. */
export const drivers = {
  sqlite: openSqlite,
  xattr: openXattr,
} satisfies Record<string, (options: DriverOptions) => Promise<Driver>>

/** Opens the driver of that name (upper and lower case are one, as in Glance). No other is tried when it fails. */
export async function openDriver(name: string, options: DriverOptions): Promise<Driver> {
  const known = Object.keys(drivers).join(', ')
  const lower = name.toLowerCase()
  if (isKnown(lower)) return drivers[lower](options)
  if (lower === 'centralized_db') {
    throw new DriverError(
      name,
      `keeps its records in Glance's own database and is not available here (Glance's default since 2024.1). Drivers: ${known}. Override it with image_cache_driver = sqlite, or in the environment with OS_DEFAULT__IMAGE_CACHE_DRIVER=sqlite`,
    )
  }
  throw new DriverError(name, `unknown name in image_cache_driver. Drivers: ${known}`)
}

const isKnown = (name: string): name is keyof typeof drivers => Object.hasOwn(drivers, name)
