import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'
import type { Environment } from './arguments.ts'
import { type AuthFields, type AuthName, authNames } from './auth-fields.ts'
import { CommandFailed } from './errors.ts'

/** What clouds.yaml says of one cloud. */
export type Cloud = Readonly<{ auth: AuthFields; cacert: string | undefined; verify: boolean }>

/** Where to look. */
export type Places = Readonly<{ env: Environment; cwd: string; home: string }>

type Mapping = ReadonlyMap<string, unknown>

/** Names of clouds.yaml that mean the same. */
const synonyms: Readonly<Partial<Record<AuthName, readonly string[]>>> = {
  project_id: ['tenant_id'],
  project_name: ['tenant_name'],
  username: ['user_name'],
  domain_id: ['default_domain'],
}

/**
 * Reads the cloud of this name: from the file that OS_CLIENT_CONFIG_FILE names, else from the first clouds.yaml in the
 * working directory, ~/.config/openstack and /etc/openstack; what secure.yaml says of it is added. Throws a
 * CommandFailed that names file and line, never what stands there.
 */
export function readCloud(name: string, places: Places): Cloud {
  const { env } = places
  const file = find('clouds', env.OS_CLIENT_CONFIG_FILE, places)
  if (file === undefined) {
    throw new CommandFailed(
      `Cloud ${name} was not found: there is no clouds.yaml in ${directories(places).join(', ')}.`,
    )
  }
  const clouds = cloudsOf(file)
  const secure = find('secure', env.OS_CLIENT_SECURE_FILE, places)
  const cloud = merged(clouds.get(name), secure === undefined ? undefined : cloudsOf(secure).get(name))
  if (!(cloud instanceof Map)) {
    if (clouds.has(name)) throw new CommandFailed(`Cloud ${name} in ${file} is no mapping.`)
    const known = [...clouds.keys()].join(', ')
    throw new CommandFailed(`Cloud ${name} was not found in ${file}${known === '' ? '' : `, which has ${known}`}.`)
  }
  return readEntry(cloud, places.home)
}

function readEntry(cloud: Mapping, home: string): Cloud {
  const auth = cloud.get('auth')
  const text = (key: string) => {
    // Members of `auth` may also stand beside it.
    const value = (auth instanceof Map ? auth.get(key) : undefined) ?? cloud.get(key)
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const fields: Partial<Record<AuthName, string>> = {}
  for (const name of authNames) {
    const value = [name, ...(synonyms[name] ?? [])].map(text).find((found) => found !== undefined)
    if (value !== undefined) fields[name] = value
  }
  const cacert = text('cacert')
  return {
    auth: fields,
    cacert: cacert?.replace(/^~(?=\/)/, home),
    // What is neither yes nor no is on the safe side.
    verify: !/^(false|no|off|0)$/i.test(text('verify') ?? '') && !/^(true|yes|on|1)$/i.test(text('insecure') ?? ''),
  }
}

function find(kind: 'clouds' | 'secure', named: string | undefined, places: Places): string | undefined {
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new CommandFailed(`${named}, named by the environment, does not exist.`)
    return named
  }
  const names = ['yaml', 'yml', 'json'].map((ending) => `${kind}.${ending}`)
  return directories(places)
    .flatMap((directory) => names.map((file) => join(directory, file)))
    .find((file) => existsSync(file))
}

function directories({ env, cwd, home }: Places): string[] {
  return [cwd, join(env.XDG_CONFIG_HOME || join(home, '.config'), 'openstack'), '/etc/openstack']
}

function cloudsOf(file: string): Mapping {
  const text = read(file)
  // Every scalar is text: a password of digits stays as it was written. Without pretty errors, which quote the file.
  const document = parseDocument(text, { schema: 'failsafe', merge: true, prettyErrors: false })
  const [error] = document.errors
  if (error !== undefined) {
    const line = text.slice(0, error.pos[0]).split('\n').length
    throw new CommandFailed(`${file}, line ${line}: this is no YAML (${error.code}).`)
  }
  const root = contentOf(document, file)
  const clouds: unknown = root instanceof Map ? root.get('clouds') : undefined
  return clouds instanceof Map ? clouds : new Map()
}

/** Aliases are followed here: what is wrong with one is told with its name, which may be a password's. */
function contentOf(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ mapAsMap: true })
  } catch {
    throw new CommandFailed(`${file}: this is no YAML: an alias (*) without its anchor, or too many aliases.`)
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new CommandFailed(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

/** Mappings member by member, the second wins; anything else whole. */
function merged(base: unknown, over: unknown): unknown {
  if (!(base instanceof Map) || !(over instanceof Map)) return over ?? base
  const both = new Map<unknown, unknown>(base)
  for (const [key, value] of over) both.set(key, merged(base.get(key), value))
  return both
}
