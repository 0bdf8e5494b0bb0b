import { setTimeout as after } from 'node:timers/promises'
import type { Wire } from '../../support/upstream-wire.ts'

/** One thing that a hostile store does on a connection. Text and bytes are written as they are. */
export type Part =
  | string
  | Buffer
  /** Nothing, for so many ms. */
  | Readonly<{ pause: number }>
  /** The same bytes again and again, so many ms apart, until the other side has had enough or `most` bytes were taken. */
  | Readonly<{ repeat: string; most: number; apart?: number }>
  /** Nothing more, until the other side closes. */
  | 'stall'
  | 'reset'
  /** FIN, behind everything that was written. */
  | 'end'

/** How a script left its connection. */
export type Played = Readonly<{ goesOn: boolean; poured: number }>

const words = ['stall', 'reset', 'end']

/** Does all of it in order. `poured`: bytes of repeats that the other side's kernel has taken. */
export async function play(wire: Wire, parts: readonly Part[]): Promise<Played> {
  let poured = 0
  for (const part of parts) {
    if (wire.socket.destroyed) return { goesOn: false, poured }
    if (typeof part === 'string' && words.includes(part)) {
      await end(wire, part)
      return { goesOn: false, poured }
    }
    if (typeof part === 'string' || Buffer.isBuffer(part)) await wire.write(part)
    else if ('pause' in part) await Promise.race([after(part.pause, undefined, { ref: false }), wire.closed])
    else poured += await pour(wire, part)
  }
  return { goesOn: !wire.socket.destroyed, poured }
}

async function end(wire: Wire, how: string): Promise<void> {
  if (how === 'stall') await wire.closed
  // Where the other side takes its time the place is less exact; what it must come to is the same.
  else if (how === 'reset') await wire.reset().catch(() => wire.socket.resetAndDestroy())
  else wire.end()
}

async function pour(wire: Wire, { repeat, most, apart }: Extract<Part, { repeat: string }>): Promise<number> {
  // Many at once, or small ones would take longer to write than the other side takes to be drowned in them.
  const times = apart === undefined ? Math.max(1, Math.floor(65_536 / repeat.length)) : 1
  const piece = repeat.repeat(times)
  const before = wire.socket.bytesWritten
  for (let written = 0; written < most && !wire.socket.destroyed; written += piece.length) {
    await wire.write(piece)
    if (apart !== undefined) await Promise.race([after(apart, undefined, { ref: false }), wire.closed])
  }
  return wire.socket.bytesWritten - before
}
