/**
 * Replaces `$name`, `${name}` and `${group.name}` as oslo.config does (Python's string.Template with dots in names):
 * `$$` and `\$` are a dollar sign, and one that begins no name stays as it is.
 */
export function interpolate(text: string, lookUp: (reference: string) => string): string {
  const references = /\$\$|\$([_a-z][._a-z0-9]*)|\$\{([_a-z][._a-z0-9]*)\}/gi
  return text.replaceAll('\\$', '$$$$').replace(references, (_, bare?: string, braced?: string) => {
    const reference = bare ?? braced
    return reference === undefined ? '$' : lookUp(reference)
  })
}

/** A text that `interpolate` turns into `value`. */
export function escapeDollars(value: string): string {
  return value.replaceAll('$', '$$$$')
}
