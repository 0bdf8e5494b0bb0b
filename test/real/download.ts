import { createHash } from 'node:crypto'
import { Agent, request } from 'undici'

export type Downloaded = Readonly<{
  status: number
  headers: Record<string, string | string[] | undefined>
  /** Our own words in Cache-Status (RFC 9211), '' without one. */
  cacheStatus: string
  size: number
  sha256: string
}>

/** A download under way: its header has arrived. */
export type Downloading = Readonly<{ status: number; cacheStatus: string; end: Promise<Downloaded> }>

export type DownloadOptions = Readonly<{ token: string; range?: string; headers?: Record<string, string> }>

/** Rejects when the body breaks off. */
export async function download(url: string, options: DownloadOptions): Promise<Downloaded> {
  return (await startDownload(url, options)).end
}

export async function startDownload(url: string, { token, range, headers }: DownloadOptions): Promise<Downloading> {
  // A connection of its own, and patience: tests hold answers back on purpose, and have deadlines of their own.
  const dispatcher = new Agent({ bodyTimeout: 0, headersTimeout: 0 })
  const fields = { 'x-auth-token': token, ...(range !== undefined && { range }), ...headers }
  const response = await request(url, { dispatcher, headers: fields, reset: true })
  const cacheStatus = [response.headers['cache-status'] ?? ''].flat().join(', ')
  const { statusCode: status } = response
  async function receive(): Promise<Downloaded> {
    const hash = createHash('sha256')
    let size = 0
    // undici gives the body as Buffers.
    for await (const chunk of response.body as AsyncIterable<Buffer>) {
      size += chunk.length
      hash.update(chunk)
    }
    return { status, headers: response.headers, cacheStatus, size, sha256: hash.digest('hex') }
  }
  const end = receive().finally(() => dispatcher.close())
  // Whoever waits for the end hears of its failure; until then it is not an unhandled one.
  end.catch(() => undefined)
  return { status, cacheStatus, end }
}
