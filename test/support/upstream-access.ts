import type { UpstreamRequest } from './upstream-request.ts'

/** Who may see what: everybody everything, until it is told otherwise. */
export class UpstreamAccess {
  #known: Set<string> | undefined
  #allowed = new Map<string, Set<string>>()

  /** Only tokens that are known are valid from now on; any other, or none, gets a 401. */
  know(...tokens: string[]): void {
    this.#known ??= new Set()
    for (const token of tokens) this.#known.add(token)
  }

  /** The image is only for those it has been allowed to (each a known token); `*`: for every valid token again. */
  allow(id: string, token: string): void {
    if (token === '*') {
      this.#allowed.delete(id)
      return
    }
    this.know(token)
    const tokens = this.#allowed.get(id) ?? new Set()
    this.#allowed.set(id, tokens.add(token))
  }

  disallow(id: string, token: string): void {
    const tokens = this.#allowed.get(id) ?? new Set(this.#known)
    tokens.delete(token)
    this.#allowed.set(id, tokens)
  }

  /** The token has expired or was revoked: 401. */
  revoke(token: string): void {
    this.#known ??= new Set()
    this.#known.delete(token)
  }

  valid(request: UpstreamRequest): boolean {
    return this.#known?.has(request.header('x-auth-token') ?? '') ?? true
  }

  maySee(id: string, request: UpstreamRequest): boolean {
    return this.#allowed.get(id)?.has(request.header('x-auth-token') ?? '') ?? true
  }
}
