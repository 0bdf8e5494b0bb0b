import { splitTarget } from '../src/http/image-paths.ts'
import { answerShortly } from '../src/http/short-answer.ts'
import type { Step } from './step.ts'

/** oslo.middleware's answer for load balancers, at its path: alive, without asking anybody and without credentials. */
export const healthcheck = (): Step =>
  function healthcheck({ incoming, outgoing }) {
    const { method, url } = incoming
    if ((method !== 'GET' && method !== 'HEAD') || splitTarget(url ?? '/').path !== '/healthcheck') return false
    answerShortly(outgoing, 200, 'text/plain; charset=UTF-8', 'OK', {})
    return true
  }
