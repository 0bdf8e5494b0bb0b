#!/usr/bin/env node
import { utc } from './cli/quantities.ts'
import { rowsOf } from './cli/rows.ts'
import type { PruneVerdict } from './management/management.ts'
import { planPrune } from './management/plan-prune.ts'
import { prune } from './management/prune.ts'
import { runStoreTool, type StoreToolRun } from './store-tool.ts'

/** afterimage-cache-pruner: brings the cache down to its limit. */

const purpose = `Removes cached images, the least recently used first, until all together have at most image_cache_max_size bytes.
Images that are pinned or being read stay. Safe beside a running server.`

async function showJson({ store, out, signal }: StoreToolRun): Promise<void> {
  for await (const { entry, rank, inUse, prune: goes, reason } of planPrune(store)) {
    if (signal.aborted) return
    const { id, size, hits, accessedAt, pinned } = entry
    const verdict = { rank, id, size, hits, accessed_at: accessedAt, pinned, in_use: inUse, prune: goes, reason }
    await out.line(JSON.stringify(verdict))
  }
}

async function showTable({ store, out, signal }: StoreToolRun): Promise<void> {
  const { count, size } = await store.driver.totals()
  const rows = rowsOf([
    { title: 'Rank', width: String(count).length, isNumber: true },
    { title: 'ID', width: 36 },
    { title: 'Size', width: String(size).length, isNumber: true },
    { title: 'Hits', width: 6, isNumber: true },
    { title: 'Last Used (UTC)', width: 19 },
    { title: 'Pinned', width: 6 },
    { title: 'Being Read', width: 10 },
    { title: 'Would Go', width: 8 },
    { title: 'Reason', width: 'least recently used'.length },
  ])
  for (const line of [rows.rule, rows.head, rows.rule]) await out.line(line)
  let [files, bytes] = [0, 0]
  for await (const verdict of planPrune(store)) {
    if (signal.aborted) return
    await out.line(rows.row(cellsOf(verdict)))
    if (!verdict.prune) continue
    files++
    bytes += verdict.entry.size
  }
  await out.line(rows.rule)
  await out.line(`Would prune ${files} images, ${bytes} bytes`)
}

function cellsOf({ entry, rank, inUse, prune: goes, reason }: PruneVerdict): string[] {
  const { id, size, hits, accessedAt, pinned } = entry
  const yes = (is: boolean) => (is ? 'yes' : 'no')
  const numbers = [String(rank), id, String(size), String(hits), utc(accessedAt)]
  return [...numbers, yes(pinned), yes(inUse), yes(goes), reasons[reason]]
}

const reasons: Record<PruneVerdict['reason'], string> = {
  'least-recently-used': 'least recently used',
  fits: 'fits',
  pinned: 'pinned',
  'in-use': 'being read',
}

await runStoreTool('afterimage-cache-pruner', purpose, async (tool) => {
  if (tool.isDryRun) return tool.isJson ? showJson(tool) : showTable(tool)
  const { files, bytes } = await prune(tool.store, tool.signal)
  // Glance's own names, as POST /v2/cache/prune has them.
  const json = JSON.stringify({ total_files_pruned: files, total_bytes_pruned: bytes })
  await tool.out.line(tool.isJson ? json : `Pruned ${files} images, ${bytes} bytes`)
})
