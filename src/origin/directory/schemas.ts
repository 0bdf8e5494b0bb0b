import type { JsonObject, JsonValue } from './json-value.ts'

const described = (type: JsonValue, description: string, more: JsonObject = {}): JsonObject => ({
  type,
  description,
  ...more,
})

const readOnly = { readOnly: true }
const textOrNull = ['null', 'string']

/** JSON schema of an image record; clients tell Glance's own members from custom properties by it. */
export const imageSchema: JsonObject = {
  name: 'image',
  properties: {
    id: described('string', 'The UUID of the image', {
      pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
    }),
    name: described(textOrNull, 'What the image is called', { maxLength: 255 }),
    status: described('string', 'Whether its data can be downloaded', {
      ...readOnly,
      enum: ['queued', 'active', 'deactivated'],
    }),
    visibility: described('string', 'Who can see it', { enum: ['community', 'public', 'private', 'shared'] }),
    protected: described('boolean', 'Whether it must not be deleted'),
    os_hidden: described('boolean', 'Whether listings leave it out unless asked for'),
    checksum: described(textOrNull, 'MD5 of the data in hex', { ...readOnly, maxLength: 32 }),
    os_hash_algo: described(textOrNull, 'Algorithm of os_hash_value', { ...readOnly, maxLength: 64 }),
    os_hash_value: described(textOrNull, 'Digest of the data in hex', { ...readOnly, maxLength: 128 }),
    owner: described(textOrNull, 'The project that owns it', { maxLength: 255 }),
    size: described(['null', 'integer'], 'Bytes of the data', readOnly),
    virtual_size: described(['null', 'integer'], 'Bytes of the disk in the data', readOnly),
    container_format: described(textOrNull, 'What the disk is packed in'),
    disk_format: described(textOrNull, 'The kind of disk'),
    created_at: described('string', 'When the image was made', readOnly),
    updated_at: described('string', 'When its data last changed', readOnly),
    tags: { ...described('array', 'Words attached to the image'), items: { type: 'string', maxLength: 255 } },
    min_ram: described('integer', 'MB of memory that a server needs to boot it'),
    min_disk: described('integer', 'GB of disk that a server needs to boot it'),
    self: described('string', 'Where this record is', readOnly),
    file: described('string', 'Where the data is', readOnly),
    schema: described('string', 'Where this schema is', readOnly),
  },
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
}

/** JSON schema of a page of images. */
export const imagesSchema: JsonObject = {
  name: 'images',
  properties: {
    images: { type: 'array', items: imageSchema },
    first: { type: 'string' },
    next: { type: 'string' },
    schema: { type: 'string' },
  },
  links: [
    { rel: 'first', href: '{first}' },
    { rel: 'next', href: '{next}' },
    { rel: 'describedby', href: '{schema}' },
  ],
}
