/**
 * What ends a fill for good.
 * - `wrong`: the upstream sent other bytes than it declares (value, number, or another image than before).
 * - `upstream`: it broke, refused or fell silent, and resuming was given up.
 */
export class UpstreamFailed extends Error {
  readonly code = 'UPSTREAM_FAILED'
  readonly fault: 'wrong' | 'upstream'
  constructor(fault: UpstreamFailed['fault'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UpstreamFailed'
    this.fault = fault
  }
}
