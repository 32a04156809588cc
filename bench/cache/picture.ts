import { scaleLinear, scaleLog } from 'd3-scale'
import { area, curveStepAfter } from 'd3-shape'
import { escaped } from '../../dev/simulate/panel.ts'
import { type Case, OURS, titleOf } from './contender.ts'
import { hotKey, TTLS, UNPROTECTED } from './hot-key.ts'
import { type Results, spreadIn } from './scenario.ts'
import { figure } from './tables.ts'

/** The colours of the project's pages (web/theme.css). */
const THEMES = {
  light: { paper: '#f6f8f8', text: '#12262b', soft: '#4a6167', grid: '#d3dfe0', ours: '#0b6b78', peers: '#1f61b8', none: '#a84f08' },
  dark: { paper: '#0d1517', text: '#e4eeee', soft: '#9fb6bb', grid: '#263a3f', ours: '#4fc3d1', peers: '#7fb4f5', none: '#f2a65a' },
} as const
type Theme = (typeof THEMES)[keyof typeof THEMES]

const WIDTH = 1_080
const MARGIN = 40
const PLOT = { left: 230, width: 540, height: 52 } as const
const ROW = 82
const HEADER = 124
const FOOTER = 64
const BIN_S = 0.25
const SECONDS = TTLS
/** Loads of one bin: less than one, so that one can be seen; more than any. */
const LOADS = [0.6, 200] as const

interface Line {
  readonly one: Case
  readonly name: string
  readonly colour: keyof Theme
}

const LINES: readonly Line[] = [
  { one: UNPROTECTED, name: 'no protection', colour: 'none' },
  ...hotKey.cases
    .filter(({ name, features }) => features === 'best' || name === '@unkey/cache')
    .map((one): Line => ({ one, name: one.name, colour: 'peers' })),
  { one: OURS, name: 'Tideline', colour: 'ours' },
]

/** The pictures by their paths: when loads of the hot key began, for ours, the peers, and ours with everything off. */
export function picturesOf(results: readonly Results[], pathOf: (name: string) => string): Record<string, string> {
  const found = results.find(({ name }) => name === hotKey.name)
  if (!found) return {}
  return Object.fromEntries(Object.entries(THEMES).map(([name, theme]) => [pathOf(`stampede-${name}.svg`), pictureOf(found, theme)]))
}

function pictureOf(results: Results, theme: Theme): string {
  const height = HEADER + LINES.length * ROW + FOOTER
  const bottom = HEADER + LINES.length * ROW
  const x = scaleLinear([0, SECONDS], [0, PLOT.width])
  const times = x
    .ticks(5)
    .map((second) => `<text class="soft" x="${PLOT.left + x(second)}" y="${bottom + 4}" text-anchor="middle">${second} s</text>`)
  const rows = LINES.map((line, i) => `<g transform="translate(0 ${HEADER + i * ROW})">${rowOf(line, results)}</g>`)
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">One hot key over ${TTLS} lifetimes</title>
<desc id="desc">${escaped(LINES.map((line) => `${line.name}: ${loadsText(line, results)}, ${readersText(line, results)}`).join('. '))}.</desc>
<style>${styleOf(theme)}</style>
<rect class="paper" width="${WIDTH}" height="${height}" rx="14"/>
<text class="title" x="${MARGIN}" y="52">One hot key: what reaches the origin</text>
<text class="soft" x="${MARGIN}" y="78">${escaped('2,000 readers a second in four processes, a lifetime of 1 s, a load of 50 ms. Loads of each quarter of a second, on a logarithmic scale.')}</text>
${rows.join('\n')}
${times.join('')}
<text class="soft" x="${MARGIN}" y="${height - 18}">npm run bench:cache</text>
</svg>
`
}

function rowOf(line: Line, results: Results): string {
  const x = scaleLinear([0, SECONDS], [0, PLOT.width])
  const y = scaleLog(LOADS, [PLOT.height, 0]).clamp(true)
  const notes = results.notes[titleOf(line.one)]?.[0] ?? []
  const bins = Array.from(
    { length: SECONDS / BIN_S + 1 },
    (_, bin) => notes.filter((atMs) => Math.floor(atMs / 1_000 / BIN_S) === bin).length,
  )
  const drawn = area<number>(
    (_, bin) => x(bin * BIN_S),
    PLOT.height,
    (loads) => y(Math.max(loads, LOADS[0])),
  ).curve(curveStepAfter)(bins)
  const grid = [1, 10, 100].map(
    (loads) =>
      `<line class="grid" x1="0" x2="${PLOT.width}" y1="${y(loads).toFixed(1)}" y2="${y(loads).toFixed(1)}"/>` +
      `<text class="tick" x="-8" y="${(y(loads) + 4).toFixed(1)}" text-anchor="end">${loads}</text>`,
  )
  return (
    `<text class="name ${line.colour}" x="${MARGIN}" y="32">${escaped(line.name)}</text>` +
    `<g transform="translate(${PLOT.left} 0)">${grid.join('')}<path class="${line.colour}" d="${drawn ?? ''}"/></g>` +
    `<text class="figure ${line.colour}" x="${PLOT.left + PLOT.width + 24}" y="24">${escaped(loadsText(line, results))}</text>` +
    `<text class="soft" x="${PLOT.left + PLOT.width + 24}" y="45">${escaped(readersText(line, results))}</text>`
  )
}

const loadsText = ({ one }: Line, results: Results): string =>
  `${figure(spreadIn(results, one, 'loads')?.median ?? Number.NaN)} loads per lifetime`

/** What readers paid for it. */
function readersText({ one }: Line, results: Results): string {
  const share = (name: string) => spreadIn(results, one, name)?.median ?? 0
  const paid = [
    ...(share('waited') >= 0.05 ? [`${figure(share('waited'))} % waited`] : []),
    ...(share('tooOld') >= 0.05 ? [`${figure(share('tooOld'))} % too old`] : []),
  ]
  return paid.join(', ') || 'nobody waited, nothing too old'
}

const styleOf = (theme: Theme): string => `
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; fill: ${theme.text}; font-size: 13px }
.title { font-size: 24px; font-weight: 650 } .name { font-size: 17px; font-weight: 600 } .figure { font-size: 17px; font-weight: 650 }
.soft, .tick { fill: ${theme.soft} } .tick { font-size: 11px } .paper { fill: ${theme.paper} } .grid { stroke: ${theme.grid} }
.ours { fill: ${theme.ours} } .peers { fill: ${theme.peers} } .none { fill: ${theme.none} }
`
