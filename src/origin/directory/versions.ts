import { type Answer, json } from './answer.ts'

/**
 * The minor versions that Glance offers without a cache, stores to choose from or imports (glance/api/versions.py).
 * Clients ask for 2.0 and up; more would promise them endpoints that a read-only store does not have.
 */
const minors = [17, 15, 9, 7, 6, 5, 4, 3, 2, 1, 0]

const negotiable = new Set(['v2', ...minors.map((minor) => `v2.${minor}`)])

/** Whether the first segment of a path is a version of the API that we speak: `v2`, `v2.9`. */
export const isApiVersion = (segment: string): boolean => negotiable.has(segment)

/** The document with which clients find out what the endpoint is. Glance: 300 for `/`, 200 for `/versions`. */
export function versionsDocument(status: 200 | 300, endpoint: string): Answer {
  const versions = minors.map((minor, index) => ({
    id: `v2.${minor}`,
    status: index === 0 ? 'CURRENT' : 'SUPPORTED',
    links: [{ rel: 'self', href: `${endpoint}/v2/` }],
  }))
  return json({ versions }, status)
}
