import { type ContentFacts, factsFromJson } from './content-facts.ts'
import { canonicalUuid } from './image-uuid.ts'
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.ts'

/** The member that is ours; all others are the operator's and stay as they are. */
export const factsMember = 'afterimage'

/**
 * What the JSON file beside an image says. It has the shape of Glance's image record, so that the answer of
 * `GET /v2/images/<id>` of any Glance, saved beside the image, is a good one.
 */
export type Sidecar = Readonly<{
  id: string | undefined
  /** Glance's own members that an operator may set, of the right type. */
  members: JsonObject
  /** Members that Glance does not know: shown as text, as custom properties are. */
  properties: Readonly<Record<string, string>>
  /** `"status": "deactivated"`: the record is shown, the data is refused. */
  deactivated: boolean
  facts: ContentFacts | undefined
  /** What was ignored and why, one sentence each. */
  complaints: readonly string[]
}>

type Check = readonly [accepts: (value: JsonValue) => boolean, wanted: string]

const text: Check = [(value) => typeof value === 'string' && value.length <= 255, 'text of at most 255 characters']
const count: Check = [(value) => Number.isSafeInteger(value) && Number(value) >= 0, 'a whole number']
const flag: Check = [(value) => typeof value === 'boolean', 'true or false']
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

/** The members of Glance's record that an operator may set. */
const settable: Readonly<Record<string, Check>> = {
  name: text,
  owner: text,
  disk_format: text,
  container_format: text,
  min_disk: count,
  min_ram: count,
  virtual_size: count,
  protected: flag,
  os_hidden: flag,
  tags: [(value) => Array.isArray(value) && value.every((tag) => typeof tag === 'string'), 'a list of texts'],
  created_at: [(value) => typeof value === 'string' && time.test(value), 'a time like 2026-01-31T12:00:00Z'],
}

/** Members of a saved record that this store answers by itself, from the file. */
const ownMembers = new Set(
  `id status visibility size checksum os_hash_algo os_hash_value updated_at self file schema stores locations direct_url
  properties ${factsMember}`.split(/\s+/),
)

export const noSidecar: Sidecar = {
  id: undefined,
  members: {},
  properties: {},
  deactivated: false,
  facts: undefined,
  complaints: [],
}

/** Reads the members one by one; what is not as it should be is ignored with a complaint, never the whole file. */
export function readSidecar(json: JsonObject): Sidecar {
  const complaints: string[] = []
  const members: Record<string, JsonValue> = {}
  for (const [name, [accepts, wanted]] of Object.entries(settable)) {
    // null is what a saved record says of a member that is not set.
    const value = json[name] ?? null
    if (value === null) continue
    if (accepts(value)) members[name] = value
    else complaints.push(`"${name}" must be ${wanted} and is ignored`)
  }
  const id = typeof json.id === 'string' ? canonicalUuid(json.id) : undefined
  if (id === undefined && json.id !== undefined) {
    complaints.push('"id" must be a UUID and is ignored: the id comes from the file name')
  }
  return {
    id,
    members,
    properties: Object.fromEntries([...propertiesIn(json), ...propertiesIn(json.properties)]),
    deactivated: json.status === 'deactivated',
    facts: factsFromJson(json[factsMember]),
    complaints,
  }
}

/** Scalars only: Glance's custom properties are texts. */
function* propertiesIn(json: JsonValue | undefined): Iterable<[string, string]> {
  if (!isJsonObject(json)) return
  for (const [name, value] of Object.entries(json)) {
    if (Object.hasOwn(settable, name) || ownMembers.has(name)) continue
    if (value !== null && typeof value !== 'object') yield [name, String(value)]
  }
}
