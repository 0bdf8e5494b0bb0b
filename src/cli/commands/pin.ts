import type { Command } from '../command.ts'
import { eachImage } from '../each-image.ts'
import { askOwnOfImage } from '../own-api.ts'

export const pin: Command = pinning('pin', 'PUT', 'Keep cached images whatever the pruner needs', 'Pinned')
export const unpin: Command = pinning('unpin', 'DELETE', 'Let the pruner have images that were pinned', 'Unpinned')

function pinning(name: string, method: 'PUT' | 'DELETE', summary: string, done: string): Command {
  return {
    name,
    summary,
    takes: 'ids',
    action: `${name} the specified image`,
    run: (session) =>
      eachImage(session, {
        done: (id) => `${done} image ${id}`,
        async work(id) {
          const isThere = (await askOwnOfImage(session.client(), method, id, '/pin')) !== undefined
          return isThere ? undefined : `Image ${id} is not cached.`
        },
      }),
  }
}
