import { setTimeout as after } from 'node:timers/promises'
import type { Fault, QueuedFault } from './upstream-fault.ts'
import { withFields } from './upstream-fault.ts'
import type { UpstreamImage } from './upstream-image.ts'
import type { Wire } from './upstream-wire.ts'
import { head, noRanges, notSatisfiable, whole } from './upstream-words.ts'

type Asked = Readonly<{ start: number; end: number; ranged: boolean }>

/** What one GET …/file is answered with; `sent` is kept up to date. */
export type Sending = { sent: number }

const none: Fault = {}
const sliceMost = 1_048_576

/** Glance's answer to GET …/file once the caller may have the image, with what the fault does to it. */
export async function sendFile(
  wire: Wire,
  image: UpstreamImage,
  range: string | undefined,
  options: Readonly<{ refuseRanges: boolean; queued: QueuedFault | undefined; sending: Sending }>,
): Promise<'keep' | 'close'> {
  const { queued } = options
  const fault = queued?.fault ?? none
  if (fault.holdHeaders) {
    queued?.reach()
    await Promise.race([queued?.released, wire.closed])
  }
  if (fault.status !== undefined) {
    await wire.write(whole(fault.status, fault.body ?? '', withFields([['Content-Type', 'text/plain']], fault.fields)))
    return 'keep'
  }
  if (image.status === 'queued') {
    await wire.write(
      range === undefined ? head(204, [['Content-Length', '0']]) : whole(500, '', [['Content-Type', 'text/plain']]),
    )
    return 'keep'
  }
  const asked = fault.ignoreRange ? wholeOf(image) : askedFor(image, range)
  if (asked === undefined) {
    await wire.write(notSatisfiable(image.content.size))
    return 'keep'
  }
  if (asked.ranged && options.refuseRanges) {
    await wire.write(noRanges(asked.start, asked.end - asked.start))
    return 'keep'
  }
  const start = asked.start + (asked.ranged ? (fault.shiftRange ?? 0) : 0)
  const stop = Math.max(start, Math.min(asked.end + (fault.extra ?? 0), fault.cutAt ?? Number.POSITIVE_INFINITY))
  await wire.write(fileHead(image, { ...asked, start }, stop - start, fault))
  const complete = await sendBody(wire, image, start, stop, options)
  const endless = fault.close ?? fault.untilClose ?? (fault.contentLength === undefined ? undefined : true)
  return complete && endless === undefined ? 'keep' : 'close'
}

function wholeOf(image: UpstreamImage): Asked {
  return { start: 0, end: image.content.size, ranged: false }
}

/** undefined: not satisfiable. */
function askedFor(image: UpstreamImage, range: string | undefined): Asked | undefined {
  const { size } = image.content
  const found = /^bytes=(\d*)-(\d*)$/.exec(range ?? '')
  if (range === undefined) return wholeOf(image)
  if (found === null || (found[1] === '' && found[2] === '')) return undefined
  const suffix = found[1] === ''
  const start = suffix ? Math.max(0, size - Number(found[2])) : Number(found[1])
  const end = suffix || found[2] === '' ? size : Math.min(size, Number(found[2]) + 1)
  return start >= size || start >= end ? undefined : { start, end, ranged: true }
}

function fileHead(image: UpstreamImage, asked: Asked, length: number, fault: Fault): string {
  const md5 = fault.md5 === undefined ? image.md5 : (fault.md5 ?? undefined)
  const fields: Array<readonly [string, string]> = [['Content-Type', 'application/octet-stream']]
  if (asked.ranged) {
    const total = fault.total ?? image.content.size
    fields.push(['Content-Range', `bytes ${asked.start}-${asked.start + length - 1}/${total}`])
  }
  if (md5 !== undefined) fields.push(['Content-Md5', md5])
  if (fault.chunked) fields.push(['Transfer-Encoding', 'chunked'])
  else if (!fault.untilClose) fields.push(['Content-Length', String(fault.contentLength ?? length)])
  if (fault.close || fault.untilClose) fields.push(['Connection', 'close'])
  return head(asked.ranged ? 206 : 200, withFields(fields, fault.fields))
}

/** True when all of it was sent and the connection may be used again. */
async function sendBody(
  wire: Wire,
  image: UpstreamImage,
  start: number,
  stop: number,
  { queued, sending }: Readonly<{ queued: QueuedFault | undefined; sending: Sending }>,
): Promise<boolean> {
  const fault = queued?.fault ?? none
  const marks = [fault.stallAt, fault.endAt, fault.resetAt].filter((mark) => mark !== undefined)
  const began = performance.now()
  const slicing =
    fault.bytesPerSecond === undefined ? sliceMost : Math.max(1, Math.min(sliceMost, fault.bytesPerSecond >> 6))
  let stalled = false
  for (let at = start; ; ) {
    if (at === fault.resetAt) {
      await wire.reset()
      queued?.reach()
      return false
    }
    if (at === fault.endAt) {
      queued?.reach()
      return false
    }
    if (at === fault.stallAt && !stalled) {
      stalled = true
      queued?.reach()
      await Promise.race([queued?.released, wire.closed])
    }
    if (at >= stop || wire.socket.destroyed) break
    const mark = Math.min(stop, ...marks.filter((place) => place > at))
    const bytes = sliceOf(image, at, Math.min(slicing, mark - at), fault.corruptAt)
    if (fault.chunked) await wire.write(`${bytes.length.toString(16)}\r\n`)
    await wire.write(bytes)
    if (fault.chunked) await wire.write('\r\n')
    at += bytes.length
    sending.sent += bytes.length
    if (fault.bytesPerSecond !== undefined) {
      const due = ((at - start) / fault.bytesPerSecond) * 1000 - (performance.now() - began)
      if (due > 1) await Promise.race([after(due), wire.closed])
    }
  }
  if (fault.chunked) await wire.write('0\r\n\r\n')
  return !wire.socket.destroyed
}

/** The image's bytes, or zeros past its end; one byte flipped where asked. */
function sliceOf(image: UpstreamImage, at: number, max: number, corruptAt: number | undefined): Buffer {
  const { size } = image.content
  const bytes = at < size ? image.content.slice(at, Math.min(max, size - at)) : Buffer.alloc(max)
  if (corruptAt === undefined || corruptAt < at || corruptAt >= at + bytes.length) return bytes
  const wrong = Buffer.from(bytes)
  wrong[corruptAt - at] = (wrong[corruptAt - at] ?? 0) ^ 0xff
  return wrong
}
