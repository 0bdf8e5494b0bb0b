import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import type { HeaderList, Refusal } from '../origin.ts'
import type { JsonValue } from './json-value.ts'

/** A whole answer, held in memory. */
export type Answer = Readonly<{ status: number; headers: HeaderList; body: Buffer }>

/** Glance gives every request one of its own; clients print it with errors. */
export const requestId = (): readonly [string, string] => ['X-Openstack-Request-Id', `req-${randomUUID()}`]

export const json = (value: JsonValue, status = 200): Answer =>
  withBody(status, 'application/json', Buffer.from(JSON.stringify(value)))

/** An image without data that could be given, as Glance answers for one that is queued. */
export const noContent = (): Answer => ({ status: 204, headers: [requestId()], body: Buffer.alloc(0) })

/**
 * An error in the shape of Glance's (WebOb's HTML page): clients print the text between the tags. HTML for every
 * `Accept`: python-glanceclient fails on the JSON shape that Glance has for those who ask for JSON.
 */
export function problem(status: number, explanation: string, extra: HeaderList = []): Answer {
  const title = `${status} ${titles[status] ?? STATUS_CODES[status] ?? ''}`
  const page = [
    '<html>',
    ' <head>',
    `  <title>${title}</title>`,
    ' </head>',
    ' <body>',
    `  <h1>${title}</h1>`,
    `  ${escapeHtml(explanation)}<br /><br />`,
    ' </body>',
    '</html>',
  ].join('\n')
  const answer = withBody(status, 'text/html; charset=UTF-8', Buffer.from(page))
  return { ...answer, headers: [...extra, ...answer.headers] }
}

/** Glance's words where they are not Node's. */
const titles: Readonly<Record<number, string>> = { 416: 'Request Range Not Satisfiable' }

export const asRefusal = (answer: Answer): Refusal => ({ kind: 'refusal', ...answer })

function withBody(status: number, contentType: string, body: Buffer): Answer {
  return {
    status,
    headers: [['Content-Length', String(body.length)], ['Content-Type', contentType], requestId()],
    body,
  }
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
