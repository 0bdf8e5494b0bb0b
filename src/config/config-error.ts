/** Why no configuration came about: one line that names the option, where it was given and what is accepted. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID'
  constructor(message: string, options?: ErrorOptions) {
    super(oneLine(message), options)
    this.name = 'ConfigError'
  }
}

/** The same without line breaks and other control characters, which file names may have. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

/** A value as it may be shown in a message: escaped, cut to a line's length, and without a URL's user and password. */
export function quoteValue(text: string): string {
  const masked = text.replace(/\/\/\S*@/g, '//****@')
  return JSON.stringify(masked.length > 120 ? `${masked.slice(0, 120)}…` : masked)
}
