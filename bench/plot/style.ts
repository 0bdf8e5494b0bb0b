/** What each class is drawn with. No custom properties: not every program that shows SVG knows them. */
const light = {
  ground: '#ffffff',
  ink: '#1f2328',
  soft: '#59636e',
  axis: '#d1d9e0',
  ours: '#0969da',
  other: '#b7c0ca',
  spread: '#1f2328',
}
const dark: typeof light = {
  ground: '#0d1117',
  ink: '#f0f6fc',
  soft: '#9198a1',
  axis: '#3d444d',
  ours: '#2f72c4',
  other: '#545d68',
  spread: '#f0f6fc',
}

const rules = ({ ground, ink, soft, axis, ours, other, spread }: typeof light): string =>
  [
    `text { fill: ${ink} }`,
    `.soft { fill: ${soft} }`,
    `.ground { fill: ${ground} }`,
    `.axis { stroke: ${axis} }`,
    `.ours { fill: ${ours} }`,
    `.other { fill: ${other} }`,
    `.spread { stroke: ${spread}; stroke-width: 1.5 }`,
  ].join('\n')

/** Light and dark, on a ground of its own: it reads on any page. */
export const style = `
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif }
.title { font-size: 20px; font-weight: 600 }
.row { font-size: 15px; font-weight: 600 }
.strong { font-weight: 600 }
.end { text-anchor: end }
${rules(light)}
@media (prefers-color-scheme: dark) {
${rules(dark)}
}
`
