/** What an error body says, without the markup and the status line around it that Glance puts there. */
export function explanation(body: string): string {
  const fromJson = messageOf(body)
  const text = (fromJson ?? body)
    .replace(/^[\s\S]*<\/h1>/, '')
    .replace(/<br\s*\/?>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/^\d{3} [A-Z][\w' -]*\s*\n/, '')
  const entities: Readonly<Record<string, string>> = {
    '&lt;': '<',
    '&gt;': '>',
    '&quot;': '"',
    '&#x27;': "'",
    '&amp;': '&',
  }
  return text
    .replace(/&(?:lt|gt|quot|#x27|amp);/g, (entity) => entities[entity] ?? entity)
    .split('\n')
    .map((line) => line.replace(/\p{Cc}/gu, '?').trim())
    .filter(Boolean)
    .join('\n')
    .slice(0, 2000)
}

function messageOf(body: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body)
    if (value instanceof Object && 'message' in value && typeof value.message === 'string') return value.message
  } catch {
    // Not JSON: taken as text.
  }
  return undefined
}
