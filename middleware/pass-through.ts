import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { createMiddleware } from 'hono/factory'
import type { Env } from '../src/http/env.ts'
import { changedImage } from '../src/http/image-paths.ts'
import type { Origin } from '../src/origin/origin.ts'

export type PassThroughOptions = Readonly<{
  origin: Origin
  /** The upstream has, or may have, carried out a change of this image; `deleted`: it granted its deletion. */
  onChange(id: string, deleted: boolean): void
}>

const changing = new Set(['PATCH', 'PUT', 'POST', 'DELETE'])

/** Hands everything that is not ours to the image store as it is, and learns from what changes an image. */
export const passThrough = ({ origin, onChange }: PassThroughOptions) =>
  createMiddleware<Env>(async function passThrough(c) {
    const { incoming, outgoing } = c.env
    const method = incoming.method ?? ''
    const changed = changing.has(method) ? changedImage(incoming.url ?? '/') : undefined
    const onAnswer = (status: number) => {
      if (changed === undefined || isRefusal(status)) return
      onChange(changed.id, method === 'DELETE' && changed.whole && status >= 200 && status < 300)
    }
    await origin.relay(incoming, outgoing, { caller: c.get('caller'), onAnswer })
    return RESPONSE_ALREADY_SENT
  })

/** A clear no, which changed nothing. After anything else (a broken connection too) the change may have happened. */
const isRefusal = (status: number) => status >= 400 && status < 500
