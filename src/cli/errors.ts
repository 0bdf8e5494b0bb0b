/** The command line makes no sense: one line; shown behind the usage, exit code 2. */
export class UsageError extends Error {
  readonly code = 'USAGE'
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** The command could not be carried out, and `message` is all that is to be said of it (as it stands); exit code 1. */
export class CommandFailed extends Error {
  readonly code = 'COMMAND_FAILED'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandFailed'
  }
}

/** A server answered, but not with success. `text` is its own explanation, without markup. */
export class StatusError extends Error {
  readonly code = 'STATUS'
  readonly status: number
  readonly text: string
  constructor(status: number, text: string, what: string) {
    super(text === '' ? `${what}: status ${status}` : text)
    this.name = 'StatusError'
    this.status = status
    this.text = text
  }
}
