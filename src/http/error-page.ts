import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import { answerShortly } from './short-answer.ts'

/**
 * An error in the form that Glance's framework (WebOb) has for what the client accepts: a page, JSON, or text for those
 * who name neither. OpenStack's clients print the explanation between the tags, or the member `message`.
 */
export function answerError(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  status: number,
  explanation: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const title = STATUS_CODES[status] ?? ''
  const { type, body } = forms[preferredForm(incoming.headers.accept ?? '')](`${status} ${title}`, title, explanation)
  answerShortly(outgoing, status, type, body, headers)
}

type Form = (code: string, title: string, explanation: string) => { type: string; body: string }

const forms = {
  html: (code, _title, explanation) => ({
    type: 'text/html; charset=UTF-8',
    body:
      `<html>\n <head>\n  <title>${code}</title>\n </head>\n <body>\n  <h1>${code}</h1>\n` +
      `  ${escapeHtml(explanation)}<br /><br />\n\n\n\n </body>\n</html>`,
  }),
  json: (code, title, explanation) => ({
    type: 'application/json',
    body: JSON.stringify({ message: `${escapeHtml(explanation)}<br /><br />\n\n\n`, code, title }),
  }),
  text: (code, _title, explanation) => ({
    type: 'text/plain; charset=UTF-8',
    body: `${code}\n\n${explanation}\n\n   `,
  }),
} satisfies Record<string, Form>

/** HTML before JSON where both are as welcome (RFC 9110 12.5.1); text where neither is. */
function preferredForm(accept: string): keyof typeof forms {
  const html = quality(accept, 'text', 'html')
  const json = quality(accept, 'application', 'json')
  if (html === 0 && json === 0) return 'text'
  return json > html ? 'json' : 'html'
}

/** Weight of the most specific range that takes the type in; 0: not accepted. */
function quality(accept: string, type: string, subtype: string): number {
  let best = { specificity: -1, weight: 0 }
  for (const range of accept.toLowerCase().split(',')) {
    const [name = '', ...parameters] = range.split(';').map((part) => part.trim())
    const specificity = [`*/*`, `${type}/*`, `${type}/${subtype}`].indexOf(name)
    if (specificity <= best.specificity) continue
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))?.replace(/^q\s*=\s*/, '')
    best = { specificity, weight: weight === undefined ? 1 : Number(weight) || 0 }
  }
  return best.weight
}

/** As Python's html.escape does. */
const escapeHtml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;')
