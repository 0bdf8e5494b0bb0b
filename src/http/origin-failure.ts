import type { OriginError } from '../origin/origin.ts'

/** What a client is told when the image store could not be asked: what failed, not where. */
export function originFailure(error: OriginError): [status: number, explanation: string] {
  return error.reason === 'timeout'
    ? [504, 'The image store did not answer in time.']
    : [502, 'The image store cannot be reached or broke off.']
}
