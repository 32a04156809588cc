import type { ScaleLinear } from 'd3-scale'
import { clock } from './figures.ts'

/** A piece of SVG. */
export type Mark = string

/** Of a panel, and of the plot in it. */
export const SIZE = { width: 490, height: 270, plot: { left: 64, top: 54, width: 402, height: 172 } } as const

interface Panel {
  readonly title: string
  readonly legend: readonly (readonly [colour: string, text: string])[]
  /** Of the vertical axis. */
  readonly ticks: readonly { readonly at: number; readonly text: string }[]
  /** Seconds since the run began. */
  readonly x: ScaleLinear<number, number>
  readonly marks: readonly Mark[]
}

/** A card with a title, a legend, both axes and what is drawn between them. */
export function panel({ title, legend, ticks, x, marks }: Panel): string {
  const { left, top, width, height } = SIZE.plot
  const grid = ticks.map(
    ({ at, text }) =>
      `<line class="grid" x1="0" x2="${width}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}"/>` +
      `<text class="tick" x="-10" y="${(at + 4).toFixed(1)}" text-anchor="end">${escaped(text)}</text>`,
  )
  const times = timesOf(x.domain()[1] ?? 0).map(
    (atS) => `<text class="tick" x="${x(atS).toFixed(1)}" y="${height + 22}" text-anchor="middle">${clock(atS)}</text>`,
  )
  return (
    `<rect class="card" width="${SIZE.width}" height="${SIZE.height}" rx="12"/><text class="head" x="18" y="30">${escaped(title)}</text>` +
    legendOf(legend) +
    `<g transform="translate(${left} ${top})">${grid.join('')}${marks.join('')}${times.join('')}</g>`
  )
}

/** One run of text: it is the viewer who knows how wide its font is. */
const legendOf = (legend: Panel['legend']): string =>
  `<text class="soft" x="${SIZE.width - 20}" y="30" text-anchor="end">${legend
    .map(
      ([colour, text], place) => `<tspan class="${colour}"${place > 0 ? ' dx="14"' : ''}>●</tspan><tspan dx="5">${escaped(text)}</tspan>`,
    )
    .join('')}</text>`

/** Steps that people count time in (seconds). */
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400]
const MOST_TIMES = 6

/** Moments to name on an axis of time. */
function timesOf(lengthS: number): number[] {
  const stepS = STEPS_S.find((step) => lengthS / step <= MOST_TIMES) ?? 28_800
  return Array.from({ length: Math.floor(lengthS / stepS) + 1 }, (_, place) => place * stepS)
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** Text as XML has it; characters XML 1.0 does not allow are left out. */
export const escaped = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what XML does not allow
  text.replace(/[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g, '').replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '')
