import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { createMiddleware } from 'hono/factory'
import { cutOffWhenStalled } from '../src/http/cut-off-when-stalled.ts'
import type { Env } from '../src/http/env.ts'
import { changedImage, downloadPath } from '../src/http/image-paths.ts'
import type { Origin } from '../src/origin/origin.ts'

export type PassThroughOptions = Readonly<{
  origin: Origin
  /** A client that takes or sends nothing for this long is cut off (ms). */
  idleTimeoutMs: number
  /**
   * The upstream has, or may have, carried out a change of this image; `deleted`: it granted its deletion. Resolves, and
   * never rejects, when that is known everywhere: the client hears of it after that.
   */
  onChange(id: string, deleted: boolean): Promise<void>
}>

const changing = new Set(['PATCH', 'PUT', 'POST', 'DELETE'])

/** Hands everything that is not ours to the image store as it is, and learns from what changes an image. */
export const passThrough = ({ origin, idleTimeoutMs, onChange }: PassThroughOptions) =>
  createMiddleware<Env>(async function passThrough(c) {
    const { incoming, outgoing } = c.env
    const method = incoming.method ?? ''
    const changed = changing.has(method) ? changedImage(incoming.url ?? '/') : undefined
    const onAnswer = async (status: number) => {
      if (changed === undefined || isRefusal(status)) return
      await onChange(changed.id, method === 'DELETE' && changed.whole && status >= 200 && status < 300)
    }
    // The short form of a download is ours: the store knows the image by the long one.
    const short = method === 'HEAD' ? downloadPath(incoming.url ?? '/') : undefined
    const target = short === undefined ? {} : { target: short.target }
    const unwatch = cutOffWhenStalled(outgoing, idleTimeoutMs)
    await origin.relay(incoming, outgoing, { caller: c.env.caller, onAnswer, ...target })
    unwatch()
    return RESPONSE_ALREADY_SENT
  })

/** A clear no, which changed nothing. After anything else (a broken connection too) the change may have happened. */
const isRefusal = (status: number) => status >= 400 && status < 500
