import type { ImageCache } from '../cache/cache.ts'
import type { Metrics } from '../events/metrics.ts'
import type { Notice } from './place.ts'

export type NoticeTools = Readonly<{
  cache: Pick<ImageCache, 'condemned' | 'giveWay'>
  metrics: Pick<Metrics, 'collect'>
  /** The same as after a change that went through this worker. */
  onChange(id: string, deleted: boolean): void
}>

/** What a worker does about each notice of another one. What it gives is the answer, once it is done. */
export const answerNotices =
  ({ cache, metrics, onChange }: NoticeTools) =>
  (notice: Notice): unknown => {
    switch (notice.what) {
      case 'changed':
        return onChange(notice.id, false)
      case 'deleted':
        return onChange(notice.id, true)
      case 'condemned':
        return cache.condemned(notice.key)
      case 'wanted':
        return cache.giveWay(notice.id)
      case 'metrics':
        return metrics.collect()
      default:
        return notice satisfies never
    }
  }
