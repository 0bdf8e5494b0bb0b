import { OriginError } from '../origin.ts'

/** The request itself cannot be put into HTTP/1.1 (an illegal character in a field or the target): never sent. */
export class IllegalRequest extends Error {
  readonly code = 'ILLEGAL_REQUEST'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'IllegalRequest'
  }
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection is refused',
  ECONNRESET: 'the connection was reset',
  UPSTREAM_RESET: 'the connection was reset',
  HPE_INVALID_EOF_STATE: 'it closed the connection in the midst of its answer',
  EHOSTUNREACH: 'there is no route to it',
  ENETUNREACH: 'there is no route to it',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'the name service does not answer',
  EPIPE: 'it closed the connection',
  ETIMEDOUT: 'the connection timed out',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not answer in TLS: is it plain http?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not answer in TLS: is it plain http?',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  UND_ERR_SOCKET: 'it closed the connection',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within the connect timeout',
  UND_ERR_HEADERS_TIMEOUT: 'no answer within the idle timeout',
  UND_ERR_BODY_TIMEOUT: 'nothing more came within the idle timeout',
  UND_ERR_HEADERS_OVERFLOW: 'the header section of its answer is too long',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the body ended before its Content-Length',
}

const timeouts = new Set(['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])
const ours = new Set(['UND_ERR_ABORTED', 'UND_ERR_DESTROYED', 'UND_ERR_CLOSED'])
const illegal = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED'])
const untrusted = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+)$/

/**
 * What an error of undici or of the socket means. `began`: the connection stood and the request was being sent.
 * `where` names the server for the log, without credentials; `cafileOption` is the option that names the CAs to trust.
 */
export function failureOf(
  error: Error,
  { where, cafileOption }: Readonly<{ where: string; cafileOption: string }>,
  began: boolean,
): OriginError | IllegalRequest {
  if (error instanceof OriginError) return error
  const code = codeOf(error)
  if (!began && illegal.has(code)) {
    return new IllegalRequest(`the request cannot be sent on: ${error.message}`, { cause: error })
  }
  const reason = reasonOf(code, began)
  return new OriginError(reason, `${where}: ${wordsFor(code, error, cafileOption)} (${code || error.name})`, {
    cause: error,
  })
}

/** A connection that was closed before its answer began: what happens to an idle one that the server just gave up. */
export function isStale(error: unknown): boolean {
  const cause = error instanceof OriginError && error.reason === 'broken' ? error.cause : undefined
  return cause instanceof Error && ['UND_ERR_SOCKET', 'UPSTREAM_RESET', 'EPIPE'].includes(codeOf(cause))
}

function reasonOf(code: string, began: boolean): OriginError['reason'] {
  if (ours.has(code)) return 'aborted'
  if (timeouts.has(code)) return 'timeout'
  if (!began) return 'unreachable'
  if (code === 'HPE_INVALID_EOF_STATE') return 'broken'
  return code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW' ? 'bad-answer' : 'broken'
}

function wordsFor(code: string, error: Error, cafileOption: string): string {
  const known = words[code]
  if (known !== undefined) return known
  if (untrusted.test(code)) return `its certificate is not signed by a CA known here: name that CA in ${cafileOption}`
  return error.message
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
