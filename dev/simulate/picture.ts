import { count, minutes, ms, percent, seconds } from './figures.ts'
import { escaped, SIZE } from './panel.ts'
import { freshnessPanel, latencyPanel, layersPanel, requestsPanel } from './plots.ts'
import type { Summary } from './summary.ts'

const WIDTH = 1_080
const MARGIN = 40
const GAP = 20
const HEADER = 104
const TILES = 88
const FOOTER = 44
/** Characters of a graph's name that have room. */
const MAX_NAME = 40

/**
 * The run over time as one SVG: what was asked, which layer answered, how long it took, how soon posts were seen. It stands alone, in
 * light and dark. d3 brings scales, ticks and paths; the layout is ours: chart libraries that need no browser weigh 60 MB or want a DOM.
 */
export function pictureOf(summary: Summary): string {
  const panels = [requestsPanel, layersPanel, latencyPanel, freshnessPanel].map((draw) => draw(summary))
  const top = HEADER + TILES + 4
  const height = top + 2 * SIZE.height + GAP + FOOTER
  const placed = panels.map((svg, place) => {
    const x = MARGIN + (place % 2) * (SIZE.width + GAP)
    const y = top + Math.floor(place / 2) * (SIZE.height + GAP)
    return `<g transform="translate(${x} ${y})">${svg}</g>`
  })
  const what = `${minutes(summary.seconds)} at ${summary.speed}× speed · ${count(summary.readers)} readers among ${count(summary.graph.users)} users and ${count(summary.graph.follows)} follows`
  const name = [...summary.graph.name]
  const which = `${name.length > MAX_NAME ? `${name.slice(0, MAX_NAME - 1).join('')}…` : summary.graph.name} · seed ${summary.seed} · ${summary.startedAt.slice(0, 16).replace('T', ' ')} UTC${summary.endedEarly ? ' · ended early' : ''}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">Tideline under simulated activity</title>
<desc id="desc">${escaped(`${what}. ${which}. Memory answered ${percent(summary.hitRatio.memory)} of values, Redis ${percent(summary.hitRatio.shared)}, the origin ${percent(summary.hitRatio.origin)}.`)}</desc>
<style>${STYLE}</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
<text class="title" x="${MARGIN}" y="52">Tideline under simulated activity</text>
<text class="soft" x="${MARGIN}" y="78">${escaped(what)}</text>
<text class="soft" x="${WIDTH - MARGIN}" y="78" text-anchor="end">${escaped(which)}</text>
<g transform="translate(${MARGIN} ${HEADER})">${tiles(summary)}</g>
${placed.join('\n')}
<text class="note" x="${MARGIN}" y="${height - 16}">${escaped(checkNote(summary))}</text>
</svg>
`
}

/** Colours as on the project's pages (web/theme.css); no variables, which not every viewer of SVG knows. */
const STYLE = `
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; fill: #12262b; font-size: 13px }
.title { font-size: 24px; font-weight: 650 } .head { font-size: 15px; font-weight: 600 } .figure { font-size: 24px; font-weight: 650 }
.soft, .note, .tick { fill: #4a6167 } .note, .tick { font-size: 12px }
.paper { fill: #f6f8f8 } .card { fill: #ffffff; stroke: #d3dfe0 } .grid { stroke: #d3dfe0 } .promise { stroke: #b3261e; stroke-dasharray: 5 4; stroke-width: 1.5 }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.memory { fill: #1c7a4d } .shared { fill: #1f61b8 } .origin { fill: #a84f08 } .tide { fill: #0b6b78 } .promised { fill: #b3261e }
.line.tide { fill: none; stroke: #0b6b78 } .line.origin { fill: none; stroke: #a84f08 } .area { opacity: .85 } .faint { opacity: .25 } .dot { opacity: .7 }
@media (prefers-color-scheme: dark) {
text { fill: #e4eeee } .soft, .note, .tick { fill: #9fb6bb }
.paper { fill: #0d1517 } .card { fill: #142023; stroke: #263a3f } .grid { stroke: #263a3f } .promise { stroke: #ff8a80 }
.memory { fill: #5fd39a } .shared { fill: #7fb4f5 } .origin { fill: #f2a65a } .tide { fill: #4fc3d1 } .promised { fill: #ff8a80 }
.line.tide { stroke: #4fc3d1 } .line.origin { stroke: #f2a65a }
}`

function tiles({ hitRatio, agreement, originWaitsPer1000Reads, latency, freshness, errors }: Summary): string {
  const slowest = Math.max(freshness.pushed.maxMs ?? 0, freshness.pulled.maxMs ?? 0)
  const origin = agreement ? [agreement.originLoadsPer1000Reads, 'loads / 1,000 reads'] : [originWaitsPer1000Reads, 'waits / 1,000 reads']
  const figures: readonly (readonly [figure: string, what: string, colour?: string])[] = [
    [percent(hitRatio.memory), 'from memory', 'memory'],
    [percent(hitRatio.shared), 'from Redis', 'shared'],
    [count(Number(origin[0])), String(origin[1]), 'origin'],
    [ms(latency.reads?.p50Ms), `reads; p99 ${ms(latency.reads?.p99Ms)}`],
    [slowest > 0 ? seconds(slowest) : '–', 'slowest post seen'],
    [count(errors), 'requests failed'],
  ]
  const width = (WIDTH - 2 * MARGIN - 5 * 12) / 6
  return figures
    .map(
      ([figure, what, colour], place) =>
        `<g transform="translate(${(place * (width + 12)).toFixed(1)} 0)"><rect class="card" width="${width.toFixed(1)}" height="${TILES - 16}" rx="10"/>` +
        `<text class="figure ${colour ?? ''}" x="14" y="36">${escaped(figure)}</text>` +
        `<text class="note" x="14" y="59">${escaped(what)}</text></g>`,
    )
    .join('')
}

function checkNote({ check, agreement }: Summary): string {
  const same = check.readers - check.differences.length
  const feeds = `${count(same)} of ${count(check.readers)} whole feeds equal a brute-force SQL query.`
  return agreement ? `${feeds} Clients and analytics differ by ${agreement.differencePoints.toFixed(2)} points of hit ratio.` : feeds
}
