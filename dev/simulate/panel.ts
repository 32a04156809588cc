import type { ScaleLinear } from 'd3-scale'

/** A piece of SVG. */
export type Mark = string

/** Of a panel, and of the plot in it. */
export const SIZE = { width: 480, height: 276, plot: { left: 58, top: 50, width: 400, height: 176 } } as const

interface Panel {
  readonly title: string
  readonly legend: readonly (readonly [colour: string, text: string])[]
  /** Of the vertical axis. */
  readonly ticks: readonly { readonly at: number; readonly text: string }[]
  /** Minutes. */
  readonly x: ScaleLinear<number, number>
  readonly marks: readonly Mark[]
}

const LEGEND_STEP = 24
const CHARACTER = 6.6

/** A card with a title, a legend, both axes and what is drawn between them. */
export function panel({ title, legend, ticks, x, marks }: Panel): string {
  const { left, top, width, height } = SIZE.plot
  const grid = ticks.map(
    ({ at, text }) =>
      `<line class="grid" x1="0" x2="${width}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/>` +
      `<text class="tick" x="-10" y="${(at + 4).toFixed(1)}" text-anchor="end">${escaped(text)}</text>`,
  )
  const times = x.ticks(5)
  const minutes = times.map(
    (value, place) =>
      `<text class="tick" x="${x(value).toFixed(1)}" y="${height + 22}" text-anchor="middle">${value}${place === times.length - 1 ? ' min' : ''}</text>`,
  )
  return (
    `<rect class="card" width="${SIZE.width}" height="${SIZE.height}" rx="12"/><text class="head" x="18" y="30">${escaped(title)}</text>` +
    `<g transform="translate(${SIZE.width - 20} 30)">${legendOf(legend)}</g>` +
    `<g transform="translate(${left} ${top})">${grid.join('')}${marks.join('')}${minutes.join('')}</g>`
  )
}

/** Set from the right end. */
function legendOf(legend: Panel['legend']): string {
  let right = 0
  const items = legend.toReversed().map(([colour, text]) => {
    const item = `<circle class="${colour}" cx="${(right - text.length * CHARACTER - 10).toFixed(1)}" cy="-4" r="5"/><text class="soft" x="${right.toFixed(1)}" text-anchor="end">${escaped(text)}</text>`
    right -= text.length * CHARACTER + LEGEND_STEP
    return item
  })
  return items.join('')
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text as XML has it; characters XML 1.0 does not allow are left out. */
export const escaped = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what XML does not allow
  text.replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '').replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '')
