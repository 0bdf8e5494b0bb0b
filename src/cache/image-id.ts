/**
 * Whether the cache may keep an image of this id. Glance's ids are UUIDs (its image schema has this pattern); only
 * their canonical lower-case form is cached, so that an id is always a harmless file name and one image has one file.
 * Everything else passes through to the upstream and never touches the disk.
 */
export const isImageId = (text: string): boolean => uuid.test(text)

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
