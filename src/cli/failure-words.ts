import { CommandFailed, StatusError } from './errors.ts'

/** What is said of a command that failed: lines, in Glance's words where it has some. */
export function failureWords(error: unknown, action: string, host: string): string {
  if (error instanceof CommandFailed) return error.message
  if (error instanceof StatusError) {
    if (error.status === 404) return `Cache management middleware not enabled on host ${host}`
    if (error.status === 403) return 'Not authorized to make this request.'
    if (error.status === 401) return `${failed(action)}\n401: the server wants a valid token. ${hint}`
  }
  return `${failed(action)}\n${error instanceof Error ? error.message : String(error)}`
}

const hint = 'Give credentials (--os-auth-url and what belongs to it), --os-cloud or --os-auth-token.'

const failed = (action: string) => `Failed to ${action}. Got error:`
