import { once } from 'node:events'
import type { Writable } from 'node:stream'

const together = 1 << 16

/** Writes many lines in few pieces, no faster than they are read. */
export function lineWriter(stream: Writable) {
  let text = ''
  async function flush(): Promise<void> {
    const piece = text
    text = ''
    if (piece !== '' && !stream.write(piece)) await once(stream, 'drain')
  }
  return {
    async line(next: string): Promise<void> {
      text += `${next}\n`
      if (text.length >= together) await flush()
    },
    flush,
  }
}

export type LineWriter = ReturnType<typeof lineWriter>

/** Whoever reads a program's output may leave in the middle (`| head`): that is no failure of the program. */
export function endWhenUnread(stream: Writable = process.stdout): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}
