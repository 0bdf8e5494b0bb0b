import type { Method } from '../api-client.ts'
import type { Command } from '../command.ts'
import { eachImage } from '../each-image.ts'
import { number } from '../json-value.ts'

export const queueImage = ofImages({
  name: 'queue-image',
  summary: 'Queue images for caching',
  action: 'queue the specified image for caching',
  ask: ['PUT', '/v2/queued_images'],
  question: (id) => `Queue image ${id} for caching?`,
  done: (id) => `Queued image ${id} for caching`,
})

export const deleteCachedImage = ofImages({
  name: 'delete-cached-image',
  summary: 'Remove images from the cache',
  action: 'delete the specified cached image',
  ask: ['DELETE', '/v2/cached_images'],
  question: (id) => `Delete cached image ${id}?`,
  done: (id) => `Deleted cached image ${id}`,
})

export const deleteAllCachedImages = ofAll({
  name: 'delete-all-cached-images',
  summary: 'Remove all images from the cache',
  action: 'Delete all cached images',
  path: '/v2/cached_images',
  what: 'cached images',
})

export const deleteQueuedImage = ofImages({
  name: 'delete-queued-image',
  summary: 'Take images out of the queue',
  action: 'delete the specified queued image',
  ask: ['DELETE', '/v2/queued_images'],
  question: (id) => `Delete queued image ${id}?`,
  done: (id) => `Deleted queued image ${id}`,
})

export const deleteAllQueuedImages = ofAll({
  name: 'delete-all-queued-images',
  summary: 'Take all images out of the queue',
  action: 'Delete all queued images',
  path: '/v2/queued_images',
  what: 'queued images',
})

type OfImages = Pick<Command, 'name' | 'summary' | 'action'> &
  Readonly<{ ask: readonly [Method, string]; question: (id: string) => string; done: (id: string) => string }>

function ofImages({ name, summary, action, ask: [method, path], question, done }: OfImages): Command {
  return {
    name,
    summary,
    takes: 'ids',
    action,
    run: (session) =>
      eachImage(session, {
        question,
        done,
        async work(id) {
          await session.client().ask(method, `${path}/${id}`)
          return undefined
        },
      }),
  }
}

type OfAll = Pick<Command, 'name' | 'summary' | 'action'> & Readonly<{ path: string; what: string }>

function ofAll({ name, summary, action, path, what }: OfAll): Command {
  return {
    name,
    summary,
    takes: 'nothing',
    action,
    async run(session) {
      const isMeant = await session.confirm(`Delete all ${what}?`)
      if (!isMeant && !session.json) return true
      const answer = isMeant ? await session.client().ask('DELETE', path) : { num_deleted: 0 }
      if (session.json) session.print(JSON.stringify(answer))
      else if (session.verbose) session.say(`Deleted ${number(answer, 'num_deleted') ?? 0} ${what}`)
      return true
    },
  }
}
