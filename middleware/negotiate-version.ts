import { cacheApiVersions } from '../src/http/api-paths.ts'
import type { Step } from './step.ts'

const announced = new RegExp(String.raw`^/v2\.(?:${cacheApiVersions.join('|')})(?=/)`)

/**
 * The versions that we announce are ours to negotiate: the image store may not know them. All of API v2 is the same to
 * it whatever the minor version says, so it is asked without one, as Glance itself rewrites such a path.
 */
export const negotiateVersion = (): Step =>
  function negotiateVersion({ incoming }) {
    incoming.url = incoming.url?.replace(announced, '/v2')
    return false
  }
