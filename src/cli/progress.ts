import type { PrefetchEvent, PrefetchSummary } from '../management/prefetch-events.ts'
import { LiveLines, type Terminal } from './live-lines.ts'
import { Progress } from './progress-line.ts'
import { bytes } from './quantities.ts'

/** Shows how images arrive. */
export interface ProgressView {
  event(event: PrefetchEvent): void
  /** After the last event. */
  end(summary: PrefetchSummary): void
}

/** The terminal is written to at most this often (ms). */
const redrawMs = 100

/** One JSON object on each line. */
export function jsonView(print: (line: string) => void): ProgressView {
  return {
    event: (event) => print(JSON.stringify(event)),
    end: (summary) => print(JSON.stringify(summary)),
  }
}

/** A line when an image starts, one when it ends, and one for each failure between. */
export function plainView(print: (line: string) => void, now = () => performance.now()): ProgressView {
  const tracks = new Tracks()
  return {
    event(event) {
      const line = tracks.take(event, now())
      if (line !== undefined) print(line)
    },
    end: (summary) => print(lastWord(summary)),
  }
}

/** A bar for each image that is arriving, on a terminal. */
export function barView(terminal: Terminal, now = () => performance.now()): ProgressView {
  const tracks = new Tracks()
  const lines = new LiveLines(terminal)
  let drawnAt = Number.NEGATIVE_INFINITY
  return {
    event(event) {
      const at = now()
      const line = tracks.take(event, at)
      // The bar says that it has started.
      const staying = line === undefined || event.state === 'started' ? [] : [line]
      if (staying.length === 0 && at - drawnAt < redrawMs) return
      drawnAt = at
      lines.show(tracks.bars(lines.width), staying)
    },
    end: (summary) => lines.show([], [lastWord(summary)]),
  }
}

/** What is known of each image that has started and not ended. */
class Tracks {
  readonly #running = new Map<string, Progress>()

  /** The line that says what has happened; undefined when it only went on. */
  take({ image, state, received, size, reason }: PrefetchEvent, at: number): string | undefined {
    const running = this.#running.get(image)
    switch (state) {
      case 'started': {
        this.#running.set(image, new Progress(size, received, at))
        const held = received > 0 ? `, ${bytes(received)} are there already` : ''
        return `${image}: started${size === undefined ? '' : ` (${bytes(size)}${held})`}`
      }
      case 'progress':
        running?.saw(received, at)
        if (reason === undefined) return undefined
        this.#running.delete(image)
        return `${image}: ${reason}`
      case 'cached':
        this.#running.delete(image)
        return `${image}: cached (${running?.total(received, at) ?? 'it was there already'})`
      case 'failed':
        this.#running.delete(image)
        return `${image}: failed: ${reason ?? 'no reason given'}`
    }
  }

  bars(width: number): string[] {
    return [...this.#running].map(([image, progress]) => `${image} ${progress.line(width - image.length - 1)}`)
  }
}

/** Glance's words. */
function lastWord({ cached, failed }: PrefetchSummary): string {
  if (failed > 0) return 'Failed to successfully cache all images in queue.'
  return cached === 0 ? 'Nothing to prefetch.' : `Successfully cached all ${cached} images`
}
