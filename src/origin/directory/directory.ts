import { stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { resolve } from 'node:path'
import { type Caller, type Origin, OriginError, type RangeWanted } from '../origin.ts'
import { asRefusal, problem } from './answer.ts'
import { type ByteRange, partOf } from './byte-range.ts'
import { Catalogue } from './catalogue.ts'
import { answerRequest, rangeField } from './image-api.ts'
import { activeImage, openImageData, unknownImage } from './image-data.ts'
import { originRecord } from './image-record.ts'
import { relayAnswer } from './relay-answer.ts'
import { seedDirectory } from './seed.ts'

export type DirectoryOptions = Readonly<{
  /** The directory of images. */
  path: string
  /** Create the directory, with a demo image in it, where there is none yet: for the default path only. */
  seedDemo: boolean
  /** Told once of everything that an operator should put right; the store works on. */
  onWarning: (message: string) => void
  /** How long a file must not have changed before it is taken to be complete. Default 3000. */
  settleMs?: number
  /** The directory is listed again after this long at the earliest; 0: for every request. Default 1000. */
  rescanMs?: number
  /** How long a request waits for digests that are being worked out. Default 1000. */
  digestWaitMs?: number
  /** Files digested at once. Default 2. */
  digestConcurrency?: number
}>

/** Bytes read at once for a fill. */
const chunkBytes = 1 << 20

/**
 * An image store made of plain files: drop one in and it is served, to everybody and read-only. Rejects with an
 * OriginError where the directory is missing or cannot be read.
 */
export async function openDirectory(options: DirectoryOptions): Promise<Origin> {
  const dir = resolve(options.path)
  if (options.seedDemo) await seedDirectory(dir)
  await mustBeDirectory(dir)
  const catalogue = new Catalogue({
    settleMs: 3000,
    rescanMs: 1000,
    digestWaitMs: 1000,
    digestConcurrency: 2,
    ...options,
    dir,
  })
  await catalogue.rescan()
  return originOf(catalogue, options.onWarning)
}

function originOf(catalogue: Catalogue, onWarning: (message: string) => void): Origin {
  return {
    type: 'directory',

    async ask(id, _caller, signal) {
      const image = await activeImage(catalogue, id)
      throwIfAborted(signal)
      if (!('facts' in image)) return asRefusal(image)
      return { kind: 'granted', identity: { size: image.facts.stamp.size, md5: image.facts.md5 } }
    },

    async describe(id, _caller, signal) {
      const image = await catalogue.find(id)
      throwIfAborted(signal)
      if (image === undefined) return asRefusal(unknownImage(id))
      return { kind: 'described', record: originRecord(image) }
    },

    async download(id, _caller, range, signal) {
      throwIfAborted(signal)
      const opened = await openImageData(catalogue, id, (size) => wantedRange(range, size), chunkBytes)
      if (!('deliver' in opened)) return asRefusal(opened)
      if (signal !== undefined) opened.abortWith(signal)
      return opened
    },

    lacksRanges: () => false,

    async read(target, caller, signal) {
      throwIfAborted(signal)
      const endpoint = endpointFor(caller, caller.host ?? 'localhost')
      const answer = await answerRequest(catalogue, { method: 'GET', target, endpoint, range: undefined })
      if ('body' in answer) return { ...answer, whole: true }
      answer.abort()
      throw new OriginError('bad-answer', `${target} is no short document`)
    },

    async relay(incoming, outgoing, { target, dropHeaders = [], responseHeaders = [], caller }) {
      const method = incoming.method ?? ''
      const range = rangeField(incoming, new Set(dropHeaders.map((name) => name.toLowerCase())))
      const request = { method, target: target ?? incoming.url ?? '', endpoint: endpointOf(incoming, caller), range }
      const answer = await answerRequest(catalogue, request).catch((error: unknown) => {
        const ofStore = error instanceof OriginError
        // That the directory cannot be listed was told when it was found out.
        if (!ofStore || error.reason !== 'unreachable') onWarning(`${method} ${request.target}: ${String(error)}`)
        return ofStore ? problem(503, 'The image directory cannot be read now.') : problem(500, 'It failed.')
      })
      return relayAnswer(answer, outgoing, { added: responseHeaders, isHead: method === 'HEAD', onWarning })
    },

    [Symbol.asyncDispose]: () => catalogue[Symbol.asyncDispose](),
  }
}

function wantedRange(range: RangeWanted | undefined, size: number): ByteRange {
  return range === undefined ? { kind: 'whole' } : partOf(range.start, range.end ?? size, size)
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new OriginError('aborted', 'the question was given up', { cause: signal.reason })
}

/** Where the client finds us, as it said itself; a front that ends TLS says so in `X-Forwarded-Proto`. */
function endpointOf({ headers, socket }: IncomingMessage, caller: Caller): string {
  return endpointFor(caller, caller.host ?? headers.host ?? `${socket.localAddress}:${socket.localPort}`)
}

function endpointFor({ headers: forwarded }: Caller, host: string): string {
  const scheme = forwarded.find(([name]) => name.toLowerCase() === 'x-forwarded-proto')?.[1] ?? 'http'
  return `${scheme}://${host}`
}

async function mustBeDirectory(dir: string): Promise<void> {
  try {
    if (!(await stat(dir)).isDirectory()) throw new Error('it is not a directory')
  } catch (error) {
    throw new OriginError('unreachable', `image directory ${dir} cannot be used: ${String(error)}`, { cause: error })
  }
}
