import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { buildConnector, Pool } from 'undici'
import { bulkConnector } from './bulk-connector.ts'
import { type Answer, exchange, type Question } from './exchange.ts'
import { isStale } from './exchange-failure.ts'

/** How a server is reached. Times are milliseconds; the idle timeout is the longest silence, never a total. */
export type UpstreamOptions = Readonly<{
  /** What the server is, for messages: `image store`. */
  what: string
  /** http or https, with a path prefix if there is one. */
  url: string
  /** PEM file of the CAs to trust instead of the system's. */
  cafile?: string | undefined
  /** What the option is called that names this file, for messages (default `cafile`). */
  cafileOption?: string
  /** Do not check the server's certificate. */
  insecure: boolean
  connectTimeoutMs: number
  idleTimeoutMs: number
  /**
   * How long a relayed request may wait for its answer to begin (default one hour). It is not idle then: the store may
   * be deleting a large image, reading one for its digest, or finishing an upload, and the client may leave at any time.
   */
  answerTimeoutMs?: number
}>

/** One server and its kept-alive connections. */
export interface Upstream extends AsyncDisposable {
  /** The server's name for logs: no credentials, no path. */
  readonly where: string
  /** Path of the url without its last slash: every target begins with it. */
  readonly prefix: string
  readonly answerTimeoutMs: number
  /** Rejects with an OriginError, or with IllegalRequest. */
  send(question: Question, signal?: AbortSignal): Promise<Answer>
}

const headerMost = 65_536
const answerTimeoutDefaultMs = 3_600_000

/** Opens no connection yet. Throws when the url or the CA file cannot be used. */
export function openUpstream(options: UpstreamOptions): Upstream {
  const url = urlOf(options)
  const poolBy = (connect: buildConnector.connector) =>
    new Pool(url.origin, {
      connect: (target, done) =>
        connect(target, (...result) => {
          result[1]?.prependListener('error', nameReset)
          done(...result)
        }),
      // Unlimited: how many there may be is decided by those who ask. One request at a time on each.
      connections: null,
      pipelining: 1,
      headersTimeout: options.idleTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
      maxHeaderSize: headerMost,
    })
  const pool = poolBy(connectorFor(options, url))
  const isPlain = url.protocol === 'http:'
  const bulk = isPlain ? poolBy(bulkConnector(options)) : pool
  const where = `${options.what} ${url.origin}`
  const { idleTimeoutMs } = options
  const server = { where, servername: url.hostname, cafileOption: nameOfCafile(options), idleTimeoutMs }
  const attempt = (question: Question, signal?: AbortSignal) =>
    exchange(question.bulk === true ? bulk : pool, server, question, signal)
  return {
    where,
    prefix: url.pathname.replace(/\/+$/, ''),
    answerTimeoutMs: options.answerTimeoutMs ?? answerTimeoutDefaultMs,
    async send(question, signal) {
      try {
        return await attempt(question, signal)
      } catch (error) {
        // The server may close an idle connection at the moment it is used again; what can be repeated without
        // harm is, once (RFC 9110 9.2.2).
        if (!isStale(error) || question.body !== undefined || !/^(GET|HEAD|OPTIONS)$/.test(question.method)) throw error
        return await attempt(question, signal)
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([pool.destroy(), bulk.destroy()])
    },
  }
}

function urlOf({ what, url }: UpstreamOptions): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hostname === '') {
    throw new Error(`url of the ${what}: expected http://host[:port][/path] or https://…, got ${JSON.stringify(url)}`)
  }
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new Error(`url of the ${what}: credentials, a query or a fragment have no meaning in it`)
  }
  return parsed
}

function connectorFor(options: UpstreamOptions, url: URL): buildConnector.connector {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const connect = buildConnector({
    timeout: options.connectTimeoutMs,
    keepAlive: true,
    allowH2: false,
    rejectUnauthorized: !options.insecure,
    // An address is no server name (RFC 6066 3); it is checked against the certificate all the same.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(options.cafile === undefined ? {} : { ca: caOf(options, options.cafile) }),
  })
  return ({ servername: _fromRequest, ...target }, done) => connect(target, done)
}

/**
 * undici takes a reset for the end of a body that ends with its connection, which would make what broke off look whole;
 * it knows resets by their code, so they get another one before it sees them.
 */
function nameReset(error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = 'UPSTREAM_RESET'
}

const nameOfCafile = ({ cafileOption = 'cafile' }: UpstreamOptions): string => cafileOption

function caOf(options: UpstreamOptions, cafile: string): Buffer {
  try {
    const pem = readFileSync(cafile)
    // Only to find out now that it is none: a TLS context takes any text and trusts nobody.
    void new X509Certificate(pem)
    return pem
  } catch (error) {
    const name = `${nameOfCafile(options)} of the ${options.what}`
    throw new Error(`${name}: ${cafile} is not a readable PEM file of certificates`, { cause: error })
  }
}
