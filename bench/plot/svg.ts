/** A piece of SVG: an element with attributes and what is in it, already escaped. */
export type Markup = string

type Attributes = Readonly<Record<string, string | number>>

export function element(name: string, attributes: Attributes, content: Markup = ''): Markup {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(`${value}`)}"`)
  return content === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${content}</${name}>`
}

export const text = (x: number, y: number, className: string, words: string): Markup =>
  element('text', { x, y, class: className }, escaped(words))

export const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
