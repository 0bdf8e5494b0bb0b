import { setImmediate as turn } from 'node:timers/promises'
import type { ImageEntry } from './driver.ts'

/** A piece of a list, and from where the list goes on; `next` is undefined at the end. */
export type Page<Cursor> = Readonly<{ entries: readonly ImageEntry[]; next: Cursor | undefined }>

/** Entries of the first page: who makes room for one image looks at a few. */
const fewEntries = 8
/** Of a page at most: little enough that other calls need not wait for it. */
const manyEntries = 128

/**
 * The whole list, page by page, none given twice: what is touched meanwhile moves behind the cursor, and would come a
 * second time. The first pages are small. With `isAhead` the next page is asked for while one is given out.
 */
export async function* listInPages<Cursor>(
  read: (after: Cursor | undefined, entries: number) => Promise<Page<Cursor>>,
  { signal, isAhead }: Readonly<{ signal: AbortSignal | undefined; isAhead: boolean }>,
): AsyncGenerator<ImageEntry, void, undefined> {
  signal?.throwIfAborted()
  const given = new Set<string>()
  let wanted = fewEntries
  let reading: Promise<Page<Cursor>> | undefined = read(undefined, wanted)
  while (reading !== undefined) {
    const page: Page<Cursor> = await reading
    signal?.throwIfAborted()
    // Who stops at the first few shall not have the thread busy with what follows.
    const readsOn: boolean = isAhead && wanted === manyEntries
    wanted = Math.min(manyEntries, wanted * 4)
    reading = readsOn ? pageAfter(page) : undefined
    // Whoever stops early does not want to hear of the page ahead.
    reading?.catch(() => {})
    for (const entry of page.entries) {
      if (given.has(entry.id)) continue
      given.add(entry.id)
      signal?.throwIfAborted()
      yield entry
    }
    await turn()
    signal?.throwIfAborted()
    reading ??= pageAfter(page)
  }

  function pageAfter({ next }: Page<Cursor>): Promise<Page<Cursor>> | undefined {
    return next === undefined ? undefined : read(next, wanted)
  }
}
