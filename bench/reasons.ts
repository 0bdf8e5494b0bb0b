/** An error's message with those of its causes, on one line. */
export function reasons(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = error.message.trim().replaceAll(/\s+/g, ' ')
  return error.cause === undefined ? text : `${text} (${reasons(error.cause)})`
}
