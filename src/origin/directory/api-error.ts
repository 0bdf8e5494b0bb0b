/** A request that the image API refuses; the message is shown to the client. `status` is the HTTP status. */
export class ApiError extends Error {
  readonly code = 'API_ERROR'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}
