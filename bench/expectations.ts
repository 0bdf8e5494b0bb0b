import { type Expectation, expectation as expect, type Figure } from './expectation.ts'
import { afterimage, afterimageGlance, afterimageNoHoldBack, afterimageTwoWorkers } from './peers/afterimage.ts'
import { cachingGlance, glance } from './peers/glance.ts'
import { nginxProxyCache, nginxProxyCacheTuned } from './peers/nginx-proxy-cache.ts'
import { nginxStatic } from './peers/nginx-store.ts'
import { trafficServer } from './peers/trafficserver.ts'
import { lag } from './rows/event-loop.ts'
import { ofOne } from './rows/paced-crowd.ts'
import { type Column, columns } from './rows/row.ts'
import { scale, scaleOf } from './rows/scale.ts'
import { latency } from './rows/slow-readers.ts'
import { sparse } from './rows/sparse.ts'
import { hitsCounted } from './rows/workers-crowd.ts'

type Named = Readonly<{ name: string }>

const { throughput, requests, cpuPerGiB, firstByte, fetched, peakRss } = columns

/** Ours divided by another's. */
const ratio =
  (column: Column, ours: Named, other: Named): Figure =>
  (median) =>
    median(ours, column) / median(other, column)

const own =
  (column: Column, ours: Named = afterimage): Figure =>
  (median) =>
    median(ours, column)

/** The first byte through a cache may come this much later than from the upstream itself. */
const firstByteBound =
  (direct: Named): Figure =>
  (median) =>
    1.5 * median(direct, firstByte) + 5

/** What a small hit takes beside the slow readers, of what it takes alone. */
const slowed =
  (beside: Column, alone: Column): Figure =>
  (median) =>
    median(afterimage, beside) / median(afterimage, alone)

const { p50, p50Alone, p99, p99Alone } = latency
const withSlowReaders = (row: string): Expectation[] => [
  expect(row, 'peak RSS, MiB', own(peakRss), '≤', 200),
  expect(row, 'small hit beside them ÷ alone, p50', slowed(p50, p50Alone), '≤', 2),
  expect(row, 'small hit beside them ÷ alone, p99', slowed(p99, p99Alone), '≤', 2),
]

const two = afterimageTwoWorkers
const { sqlite, xattr } = scaleOf

/** What the project set out to reach. The ratios hold on any machine, the figures behind them do not. */
export const expectations: readonly Expectation[] = [
  expect('hit-large-1', 'MB/s ÷ nginx, static files', ratio(throughput, afterimage, nginxStatic), '≥', 1),
  expect('hit-large-1', 'CPU s/GiB ÷ nginx, static files', ratio(cpuPerGiB, afterimage, nginxStatic), '≤', 1.15),
  expect('hit-large-8', 'MB/s ÷ nginx, static files', ratio(throughput, afterimage, nginxStatic), '≥', 1),
  expect('hit-small-8', 'requests/s ÷ nginx, static files', ratio(requests, afterimage, nginxStatic), '≥', 0.5),
  expect('hit-small-8', 'requests/s of two workers ÷ of one process', ratio(requests, two, afterimage), '>', 1),
  expect(
    'hit-small-8',
    'requests/s of two workers ÷ nginx, static files (an aim)',
    ratio(requests, two, nginxStatic),
    '≥',
    0.8,
  ),
  expect('hit-small-8', "requests/s ÷ Glance's cache", ratio(requests, afterimage, cachingGlance), '≥', 30),
  expect('miss-large', 'MB/s ÷ nginx, proxy_cache', ratio(throughput, afterimage, nginxProxyCache), '≥', 1.2),
  expect(
    'miss-large',
    'MB/s ÷ nginx, proxy_cache with 256 KiB buffers',
    ratio(throughput, afterimage, nginxProxyCacheTuned),
    '≥',
    1.2,
  ),
  expect('miss-large', "MB/s ÷ Glance's cache", ratio(throughput, afterimage, cachingGlance), '≥', 1.5),
  // With the upstream that Glance's cache has, too: a Glance without a cache.
  expect(
    'miss-large',
    "MB/s before Glance ÷ Glance's cache",
    ratio(throughput, afterimageGlance, cachingGlance),
    '≥',
    1.5,
  ),
  expect(
    'miss-large',
    'MB/s without hold-back ÷ Traffic Server',
    ratio(throughput, afterimageNoHoldBack, trafficServer),
    '≥',
    1,
  ),
  expect(
    'miss-large',
    'first byte, ms; 1.5 × straight from the store + 5',
    own(firstByte),
    '≤',
    firstByteBound(nginxStatic),
  ),
  expect(
    'miss-large',
    'first byte before Glance, ms; 1.5 × straight from Glance + 5',
    own(firstByte, afterimageGlance),
    '≤',
    firstByteBound(glance),
  ),
  expect('cold-crowd', 'downloads from the upstream', own(fetched), '=', 1),
  expect('paced-crowd', 'downloads from the upstream', own(fetched), '=', 1),
  expect('paced-crowd', 'time of eight ÷ of one', own(ofOne), '≤', 1.15),
  expect('workers-crowd', 'downloads from the upstream', own(fetched, two), '=', 1),
  expect('workers-crowd', 'hits counted', own(hitsCounted, two), '=', 8),
  expect('sparse-hit', 'disk, MiB', own(sparse.diskMiB), '<', 100),
  expect('sparse-hit', 'MB/s ÷ of a dense image', own(sparse.ofDense), '≥', 1),
  ...withSlowReaders('slow-readers-hit'),
  ...withSlowReaders('slow-readers-fill'),
  expect('event-loop', 'delay, p99 ms', own(lag), '≤', 20),
  expect('scale', 'start, s', own(scale.start, sqlite), '≤', 3),
  expect('scale', 'start, xattr driver, s', own(scale.start, xattr), '≤', 3),
  expect('scale', 'one eviction, ms', own(scale.evict, sqlite), '≤', 5),
  expect('scale', 'one eviction, xattr driver, ms', own(scale.evict, xattr), '≤', 5),
  expect('scale', 'entries listed/s', own(scale.listed, sqlite), '≥', 100_000),
]
