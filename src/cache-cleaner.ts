#!/usr/bin/env node
import { rowsOf } from './cli/rows.ts'
import { type CleanVerdict, clean, planClean } from './management/clean.ts'
import { runStoreTool, type StoreToolRun } from './store-tool.ts'

/** afterimage-cache-cleaner: removes what is of no use in the cache directory. */

const purpose = `Removes invalid images at once, incomplete ones that nobody works on and nobody has changed for image_cache_stall_time
seconds, and what nothing belongs to any more. Safe beside a running server.`

async function show({ store, isJson, out, signal }: StoreToolRun): Promise<void> {
  const rows = rowsOf([
    { title: 'Name', width: 36 },
    { title: 'Size', width: 12, isNumber: true },
    { title: 'Reason', width: Math.max(...Object.values(reasons).map(({ length }) => length)) },
  ])
  if (!isJson) for (const line of [rows.rule, rows.head, rows.rule]) await out.line(line)
  for await (const verdict of planClean(store)) {
    if (signal.aborted) return
    const { name, size, reason } = verdict
    await out.line(isJson ? JSON.stringify(verdict) : rows.row([name, String(size), reasons[reason]]))
  }
  if (!isJson) await out.line(rows.rule)
}

const reasons: Record<CleanVerdict['reason'], string> = {
  invalid: 'not what was declared',
  stalled: 'incomplete, not changed for the stall time',
  'left-over': 'left-over file',
  entry: 'metadata without a file',
  file: 'cached file without metadata',
  record: 'record of a fill that is gone',
  draft: 'unfinished record of a fill',
  queued: 'queued although cached',
}

await runStoreTool('afterimage-cache-cleaner', purpose, async (tool) => {
  if (tool.isDryRun) return show(tool)
  const cleaned = await clean(tool.store, tool.signal)
  const { invalid, stalled, orphans, bytes } = cleaned
  const text = `Removed ${invalid} invalid and ${stalled} stalled images, ${bytes} bytes; put right ${orphans} orphans`
  await tool.out.line(tool.isJson ? JSON.stringify(cleaned) : text)
})
