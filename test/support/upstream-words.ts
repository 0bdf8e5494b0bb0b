/** Answers in the words and the form of Glance (webob) 25. */

export type Fields = ReadonlyArray<readonly [name: string, value: string]>

const reasons: Record<number, string> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  206: 'Partial Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  416: 'Request Range Not Satisfiable',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

let counter = 0

export function head(status: number, fields: Fields): string {
  counter += 1
  const id = counter.toString(16).padStart(12, '0')
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Unknown'}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
    `X-Openstack-Request-Id: req-00000000-0000-4000-8000-${id}`,
    `Date: ${new Date().toUTCString()}`,
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}

export function whole(status: number, body: string, fields: Fields = []): string {
  const length = ['Content-Length', String(Buffer.byteLength(body, 'latin1'))] as const
  return head(status, [...fields, length]) + body
}

export function json(status: number, value: unknown): string {
  return whole(status, JSON.stringify(value), [['Content-Type', 'application/json']])
}

export function refusal(status: number, explanation: string, fields: Fields = []): string {
  const title = `${status} ${reasons[status] ?? 'Unknown'}`
  const html = `<html>\n <head>\n  <title>${title}</title>\n </head>\n <body>\n  <h1>${title}</h1>\n  ${explanation}<br /><br />\n\n\n\n </body>\n</html>`
  return whole(status, html, [['Content-Type', 'text/html; charset=UTF-8'], ...fields])
}

export const unauthorized = (): string =>
  refusal(
    401,
    'This server could not verify that you are authorized to access the document you requested. Either you supplied the wrong credentials (e.g., bad password), or your browser does not understand how to supply the credentials required.',
    [['Www-Authenticate', 'Keystone uri="http://127.0.0.1:5000"']],
  )

export const notFound = (id: string): string => refusal(404, `No image found with ID ${id}`)

export const deactivated = (): string =>
  refusal(403, 'The requested image has been deactivated. Image data download is forbidden.')

/** What Glance says to any Range when the store is Ceph, Swift, S3 or HTTP. */
export const noRanges = (offset: number, length: number): string =>
  refusal(400, `Getting images randomly from this store is not supported. Offset: ${offset}, length: ${length}`)

export const notSatisfiable = (size: number): string =>
  refusal(
    416,
    `The Range requested is not available.<br /><br />\nInvalid start position in Range header. Start position MUST be in the inclusive range [0, ${size - 1}].`,
  )
