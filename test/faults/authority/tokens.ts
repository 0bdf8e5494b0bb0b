/** Every token and password that a suite has used: none of them may be found anywhere afterwards. */
const used = new Set<string>()

/** Notes a secret; gives it back. */
export function noteSecret<T extends string>(secret: T): T {
  used.add(secret)
  return secret
}

/**
 * What to look for: each secret, and a piece from its middle. Whoever shortens a token before he writes it has written it
 * all the same.
 */
export function secretsUsed(): string[] {
  return [...used].flatMap((secret) => [secret, ...(secret.length > 60 ? [secret.slice(30, 54)] : [])])
}

/** What every token of this Keystone looks like: those that the cache has asked for itself, too, which no test knows. */
const anyToken = /gAAAAA[\w-]{60}/

/** The first of them in `text`, undefined when there is none. */
export function secretIn(text: string, secrets: readonly string[] = secretsUsed()): string | undefined {
  return secrets.find((secret) => text.includes(secret)) ?? anyToken.exec(text)?.[0]
}
