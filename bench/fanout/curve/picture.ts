import { scaleLinear, scaleLog } from 'd3-scale'
import { area, line } from 'd3-shape'
import { escaped } from '../../../dev/simulate/panel.ts'
import { figure } from '../../cache/tables.ts'
import type { Curve, Point } from './report.ts'
import { count } from './ways.ts'

/** The colours of the project's pages (web/theme.css). */
const THEMES = {
  light: {
    paper: '#f6f8f8',
    text: '#12262b',
    soft: '#4a6167',
    grid: '#d3dfe0',
    rows: '#a84f08',
    loads: '#0b6b78',
    merges: '#1f61b8',
    mark: '#12262b',
  },
  dark: {
    paper: '#0d1517',
    text: '#e4eeee',
    soft: '#9fb6bb',
    grid: '#263a3f',
    rows: '#f2a65a',
    loads: '#4fc3d1',
    merges: '#7fb4f5',
    mark: '#e4eeee',
  },
} as const
type Theme = (typeof THEMES)[keyof typeof THEMES]

const WIDTH = 1_080
const MARGIN = 40
const PLOT = { width: 430, height: 230, left: 60 } as const
const ROW = 330
const HEADER = 196
const FOOTER = 0

/** What stands above what, from below: rows and what leaves for them, then loads of timelines and lists, then merges and hot posts. */
const LAYERS = [
  { name: 'rows written and cut', of: ({ parts }: Point) => parts.rows + parts.trim + parts.hot + parts.pull, colour: 'rows' },
  { name: 'timelines loaded', of: ({ parts }: Point) => parts.fills, colour: 'loads' },
  { name: "authors' lists loaded, merges", of: ({ parts }: Point) => parts.lists + parts.merges, colour: 'merges' },
] as const

/** Panels of a graph: the threshold from which authors are pulled, and from which they are hot. */
const PANELS = [
  { title: 'pulled from', end: 'pull', is: ({ name }: Point) => /^(push|pull( from [\d,]+)?)$/.test(name) },
  { title: 'hot from', end: 'hot', is: ({ name }: Point) => /^(push|hot( from [\d,]+)?)$/.test(name) },
] as const

/** The pictures by their names: database work over both thresholds, on each graph. */
export const picturesOf = (curves: readonly Curve[]): Record<string, string> =>
  Object.fromEntries(Object.entries(THEMES).map(([name, theme]) => [`cost-curve-${name}.svg`, pictureOf(curves, theme)]))

function pictureOf(curves: readonly Curve[], theme: Theme): string {
  const height = HEADER + curves.length * ROW + FOOTER
  const panels = curves.flatMap((curve, row) =>
    PANELS.map(
      (panel, column) =>
        `<g transform="translate(${MARGIN + PLOT.left + column * (PLOT.width + 90)} ${HEADER + row * ROW})">${panelOf(curve, panel)}</g>`,
    ),
  )
  const legend = LAYERS.map(
    ({ name, colour }, i) =>
      `<rect class="${colour}" x="${MARGIN + i * 250}" y="114" width="14" height="14" rx="3"/><text x="${MARGIN + 22 + i * 250}" y="126">${escaped(name)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">Database work of a day by threshold</title>
<desc id="desc">${escaped(curves.map(describe).join(' '))}</desc>
<style>${styleOf(theme)}</style>
<rect class="paper" width="${WIDTH}" height="${height}" rx="14"/>
<text class="title" x="${MARGIN}" y="48">What delivery costs the database, by threshold</text>
<text class="soft" x="${MARGIN}" y="74">Seconds of work for a day's activity, 50 reads for each post: CPU of Postgres, and of a standby for the WAL.</text>
<text class="soft" x="${MARGIN}" y="94">Left of each panel nobody is pushed, right of it everybody.</text>
${legend.join('')}
${panels.join('\n')}
<text class="soft" x="${MARGIN}" y="${height - 18}">npm run bench:fanout</text>
</svg>
`
}

const describe = ({ name, points }: Curve): string =>
  `${name}: ${points.map((point) => `${point.name} ${figure(point.work[50]?.median ?? Number.NaN)} s`).join(', ')}.`

function panelOf(curve: Curve, panel: (typeof PANELS)[number]): string {
  const points = curve.points
    .filter(panel.is)
    .map((point) => ({ point, followers: followersOf(point, curve) }))
    .sort((a, b) => a.followers - b.followers)
  const values = points.map(({ point }) => totalOf(point))
  const least = Math.min(...curve.points.map(totalOf))
  // Pure pull may cost ten times as much: then it leaves the panel, with its figure at the edge.
  const most = Math.min(Math.max(...values), 3 * least) * 1.06
  const x = scaleLog([points[0]?.followers ?? 1, points.at(-1)?.followers ?? 10], [0, PLOT.width])
  const y = scaleLinear([0, most], [PLOT.height, 0]).clamp(true)
  const layers = LAYERS.map(({ colour }, i) => {
    const upTo = (point: Point, layer: number) => LAYERS.slice(0, layer).reduce((sum, { of }) => sum + of(point), 0)
    const drawn = area<(typeof points)[number]>(
      ({ followers }) => x(followers),
      ({ point }) => y(upTo(point, i)),
      ({ point }) => y(upTo(point, i + 1)),
    )(points)
    return `<path class="${colour}" d="${drawn ?? ''}"/>`
  })
  const top = line<(typeof points)[number]>(
    ({ followers }) => x(followers),
    ({ point }) => y(totalOf(point)),
  )(points)
  const dots = points.map(({ point, followers }) => {
    const total = totalOf(point)
    return `<circle class="mark" cx="${x(followers).toFixed(1)}" cy="${y(total).toFixed(1)}" r="3"/><text class="tick" x="${x(followers).toFixed(1)}" y="${(y(total) - 8).toFixed(1)}" text-anchor="middle">${figure(total)}</text>`
  })
  const ticks = points.map(({ point, followers }, i) => {
    const text = i === 0 ? `${panel.end} all` : point.name === 'push' ? 'push all' : count(followers)
    return `<text class="tick" x="${x(followers).toFixed(1)}" y="${PLOT.height + 18}" text-anchor="middle">${text}</text>`
  })
  const grid = y
    .ticks(4)
    .map(
      (tick) =>
        `<line class="grid" x1="0" x2="${PLOT.width}" y1="${y(tick).toFixed(1)}" y2="${y(tick).toFixed(1)}"/><text class="tick" x="-8" y="${(y(tick) + 4).toFixed(1)}" text-anchor="end">${figure(tick)}</text>`,
    )
  return `<text class="name" x="0" y="-22">${escaped(`${curve.name}: ${panel.title} … followers`)}</text>${grid.join('')}${layers.join('')}<path class="line" d="${top ?? ''}"/>${dots.join('')}${ticks.join('')}`
}

const totalOf = ({ parts }: Point): number => Object.values(parts).reduce((sum, part) => sum + part, 0)

/** Where a point lies on its panel: thresholds of nobody and everybody stand a step beyond the others. */
function followersOf({ name, routing }: Point, { mostFollowed }: Curve): number {
  if (name === 'push') return mostFollowed * 3
  return routing.hotFrom === 0 ? 10 : routing.hotFrom
}

const styleOf = (theme: Theme): string => `
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; fill: ${theme.text}; font-size: 13px }
.title { font-size: 24px; font-weight: 650 } .name { font-size: 15px; font-weight: 600 }
.soft, .tick { fill: ${theme.soft} } .tick { font-size: 11px } .paper { fill: ${theme.paper} } .grid { stroke: ${theme.grid} }
.rows { fill: ${theme.rows} } .loads { fill: ${theme.loads} } .merges { fill: ${theme.merges} } .mark { fill: ${theme.mark} }
.line { fill: none; stroke: ${theme.mark}; stroke-width: 1.5 }
`
