import { answerPlainly } from '../src/http/plain-answer.ts'
import { isLoop } from '../src/origin/upstream/hop-by-hop.ts'
import type { Step } from './step.ts'

/** Refuses a request that has been through this very cache before (RFC 9110 7.6.3): it would go round for ever. */
export const refuseLoops = (pseudonym: string): Step =>
  function refuseLoops({ incoming, outgoing }) {
    // Node has joined several Via fields; it never drops one.
    const { via } = incoming.headers
    if (via === undefined || !isLoop([via], pseudonym)) return false
    answerPlainly(outgoing, 508, "The request has come back to this cache: its upstream's address leads to itself.")
    return true
  }
