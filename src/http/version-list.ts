import { cacheApiVersions } from './api-paths.ts'

type Version = Readonly<{ id: string; status: unknown }>

/**
 * The image store's list of API versions with those added that announce the cache API, as Glance with a cache has them:
 * the newest is CURRENT. undefined when it is no such list.
 */
export function withCacheVersions(document: Buffer): Buffer | undefined {
  const list = versionList(document)
  // Links in the form of the others': the store knows how its clients reach it.
  const model = list?.versions.find(({ status }) => status === 'CURRENT') ?? list?.versions[0]
  if (list === undefined || model === undefined) return undefined
  const byId = new Map(list.versions.map((version) => [version.id, version]))
  for (const minor of cacheApiVersions) {
    const id = `v2.${minor}`
    if (!byId.has(id)) byId.set(id, { ...model, id, status: 'SUPPORTED' })
  }
  const [newest, ...older] = [...byId.values()].sort((a, b) => minorOf(b) - minorOf(a))
  const versions = [
    { ...newest, status: 'CURRENT' },
    ...older.map((version) => (version.status === 'CURRENT' ? { ...version, status: 'SUPPORTED' } : version)),
  ]
  return Buffer.from(JSON.stringify({ ...list, versions }))
}

function versionList(document: Buffer): Readonly<{ versions: Version[] }> | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(document.toString('utf8'))
  } catch {
    // A page of somebody in between, perhaps: not ours to change.
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || !('versions' in parsed)) return undefined
  const { versions } = parsed
  return Array.isArray(versions) && versions.every(isVersion) ? { ...parsed, versions } : undefined
}

const isVersion = (value: unknown): value is Version =>
  typeof value === 'object' &&
  value !== null &&
  'id' in value &&
  typeof value.id === 'string' &&
  /^v2\.\d+$/.test(value.id) &&
  'status' in value

const minorOf = ({ id }: Version): number => Number(id.slice('v2.'.length))
