import { DownloadExchange, type DownloadTools } from '../src/http/download-exchange.ts'
import { downloadPath } from '../src/http/image-paths.ts'
import type { Step } from './step.ts'

/** Answers the download of an image, from the cache if it can be; everything else is left to the next one. */
export const download = (tools: DownloadTools): Step =>
  function download(exchange) {
    const { method, url } = exchange.incoming
    const path = method === 'GET' ? downloadPath(url ?? '/') : undefined
    return path === undefined ? false : new DownloadExchange(tools, path, exchange).run()
  }
