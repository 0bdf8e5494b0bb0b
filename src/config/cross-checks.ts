import type { Config } from './config.ts'
import { ConfigError, quoteValue } from './config-error.ts'
import { isLoopback } from './loopback.ts'

/** Where an option was given, `default` if nowhere. */
type From = (group: string, name: string) => string

/** What no option shows by itself. Throws a ConfigError for what cannot work; returns warnings for what is in vain. */
export function crossCheck(config: Config, from: From): string[] {
  checkCredentials(config, from)
  checkListeners(config, from)
  return [...checkOrigin(config, from), ...checkManagement(config, from)]
}

function checkOrigin({ origin, default: main }: Config, from: From): string[] {
  if (origin.type === 'glance') {
    if (origin.url === undefined) {
      throw new ConfigError(
        `[origin] type = "glance" from ${from('origin', 'type')}: needs [origin] url, the endpoint of the image service`,
      )
    }
    return []
  }
  if (origin.path === main.imageCacheDir) {
    const where = from('DEFAULT', 'image_cache_dir')
    const shown = quoteValue(main.imageCacheDir)
    throw new ConfigError(
      `[DEFAULT] image_cache_dir = ${shown} from ${where}: expected another directory than [origin] path (${from('origin', 'path')})`,
    )
  }
  if (origin.url === undefined) return []
  return [`${from('origin', 'url')}: [origin] url is not used, as the origin's type is directory`]
}

/** auth_url alone is enough to ask Keystone about others; a name without the rest is a mistake. */
function checkCredentials({ keystone }: Config, from: From): void {
  const needed = {
    auth_url: keystone.authUrl,
    username: keystone.username,
    password: keystone.password,
    project_name: keystone.projectName,
  }
  const names = Object.entries(needed)
  const given = names.find(([name, value]) => name !== 'auth_url' && value !== undefined)
  const missing = names.filter(([, value]) => value === undefined).map(([name]) => name)
  if (given === undefined || missing.length === 0) return
  const [name, value] = given
  const shown = name === 'password' || value === undefined ? '****' : quoteValue(value)
  throw new ConfigError(
    `[keystone] ${name} = ${shown} from ${from('keystone', name)}: needs [keystone] ${missing.join(', ')} as well`,
  )
}

function checkListeners({ default: main, management }: Config, from: From): void {
  if (main.bindPort === 0 || main.bindPort !== management.bindPort) return
  const hosts = [main.bindHost, management.bindHost]
  if (hosts[0] !== hosts[1] && !hosts.includes('0.0.0.0') && !hosts.includes('::')) return
  const where = from('management', 'bind_port')
  const other = from('DEFAULT', 'bind_port')
  throw new ConfigError(
    `[management] bind_port = "${management.bindPort}" from ${where}: expected another port than that of the image API (${other})`,
  )
}

function checkManagement({ default: main, management, keystone }: Config, from: From): string[] {
  const where = from('management', 'auth')
  if (management.auth === 'keystone' && keystone.authUrl === undefined) {
    throw new ConfigError(
      `[management] auth = "keystone" from ${where}: needs [keystone] auth_url, which tells who is an admin`,
    )
  }
  const reachable = [main.bindHost, management.bindHost].find((address) => !isLoopback(address))
  if (management.auth !== 'none' || reachable === undefined) return []
  return [`${where}: [management] auth = none: whoever reaches ${reachable} may manage the cache`]
}
