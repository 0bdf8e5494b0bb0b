import type { HeaderList } from '../origin.ts'

/** Fields that end with one connection even where Connection does not name them (RFC 9110 7.6.1, 11.7, 6.6.2). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Fields of one single request, which say nothing about the caller; every field `Content-*` is one of them as well. */
const ofOneRequest = new Set([
  'accept-encoding',
  'digest',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'repr-digest',
])

/** What the next server is told about the hop from the client to us. */
export type Hop = Readonly<{
  /** Our name in Via, unique per installation, so that caches in a row are no loop: a token (RFC 9110 7.6.3). */
  pseudonym: string
  /** Of the client's message: `1.1`. */
  httpVersion: string
  /** The client's address, undefined when it has gone. */
  clientAddress: string | undefined
  scheme: 'http' | 'https'
  /** The client's Host field. */
  host: string | undefined
  /** Sent on as X-Openstack-Request-Id unless the client gave one itself. */
  requestId: string | undefined
}>

/** Node's `rawHeaders` (name, value, name, …) as pairs. */
export function fieldPairs(rawHeaders: readonly string[]): HeaderList {
  const pairs: Array<readonly [string, string]> = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) pairs.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? ''])
  return pairs
}

/** The fields of a request or response that are meant for its final recipient: order, case and duplicates are kept. */
export function endToEnd(fields: HeaderList): HeaderList {
  const named = listOf(fields, 'connection')
  const dropped = named.length === 0 ? hopByHop : new Set([...hopByHop, ...named.map((name) => name.toLowerCase())])
  return fields.filter(([name]) => !dropped.has(name.toLowerCase()))
}

/** The caller's fields as `Caller.headers` wants them: end-to-end, none of one single request, our own added. */
export function callerFields(rawHeaders: readonly string[], hop: Hop): HeaderList {
  return forwardedFields(
    endToEnd(fieldPairs(rawHeaders)).filter(([name]) => {
      const lower = name.toLowerCase()
      return lower !== 'host' && lower !== 'expect' && !isOfOneRequest(lower)
    }),
    hop,
  )
}

/** The rest of them: what only a request that is passed on as it is may carry (never Host and Expect). */
export function requestFields(rawHeaders: readonly string[]): HeaderList {
  return endToEnd(fieldPairs(rawHeaders)).filter(([name]) => isOfOneRequest(name.toLowerCase()))
}

/**
 * Adds this hop: Via (RFC 9110 7.6.3, a gateway must) and X-Forwarded-For are appended to, so that nothing is lost and
 * the last entry is the one that we saw ourselves. X-Forwarded-Proto and -Host are set only where absent: a balancer in
 * front of us knows better; whether to believe any of it is for the image store to decide.
 */
export function forwardedFields(fields: HeaderList, hop: Hop): HeaderList {
  const via = [...valuesOf(fields, 'via'), `${hop.httpVersion} ${hop.pseudonym}`].join(', ')
  const path = [...valuesOf(fields, 'x-forwarded-for'), ...(hop.clientAddress ? [plainAddress(hop.clientAddress)] : [])]
  const added: Array<readonly [string, string]> = [['Via', via]]
  if (path.length > 0) added.push(['X-Forwarded-For', path.join(', ')])
  const unless = (name: string, value: string | undefined) => {
    if (value !== undefined && valuesOf(fields, name.toLowerCase()).length === 0) added.push([name, value])
  }
  unless('X-Forwarded-Proto', hop.scheme)
  unless('X-Forwarded-Host', hop.host)
  unless('X-Openstack-Request-Id', hop.requestId)
  const replaced = new Set(['via', 'x-forwarded-for'])
  return [...fields.filter(([name]) => !replaced.has(name.toLowerCase())), ...added]
}

/** Whether a message with these Via values has been here already. Comments in parentheses are no entries. */
export function isLoop(viaValues: readonly string[], pseudonym: string): boolean {
  return viaValues.some((value) =>
    withoutComments(value)
      .split(',')
      .some(
        (entry) =>
          entry
            .trim()
            .split(/[ \t]+/)[1]
            ?.toLowerCase() === pseudonym.toLowerCase(),
      ),
  )
}

/** All values of a field, in order; `name` in lower case. */
export function valuesOf(fields: HeaderList, name: string): string[] {
  return fields.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value)
}

function isOfOneRequest(lowerName: string): boolean {
  return lowerName.startsWith('content-') || ofOneRequest.has(lowerName)
}

function listOf(fields: HeaderList, name: string): string[] {
  return valuesOf(fields, name)
    .flatMap((value) => value.split(','))
    .map((entry) => entry.trim())
    .filter(Boolean)
}

/** A dual-stack socket gives IPv4 addresses as ::ffff:192.0.2.1. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

/** Comments nest (RFC 9110 5.6.5), and a backslash quotes the next character. */
function withoutComments(value: string): string {
  let depth = 0
  let text = ''
  for (let at = 0; at < value.length; at++) {
    const char = value[at]
    if (depth > 0 && char === '\\') at += 1
    else if (char === '(') depth += 1
    else if (char === ')' && depth > 0) depth -= 1
    else if (depth === 0) text += char
  }
  return text
}
