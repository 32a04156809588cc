import { scaleLinear, scaleLog } from 'd3-scale'
import { area, line } from 'd3-shape'
import { count, ms } from './figures.ts'
import { type Layers, sharesOf } from './layers.ts'
import type { Interval } from './measures.ts'
import { type Mark, panel, SIZE } from './panel.ts'
import type { Summary } from './summary.ts'

const { width: WIDTH, height: HEIGHT } = SIZE.plot

/** A place on the vertical axis; undefined where there is nothing to show. */
type Place = (one: Interval) => number | undefined

/** Draws intervals over the time of the run. What is undefined leaves a gap. */
function overTime({ intervals, seconds }: Summary) {
  const x = scaleLinear([0, Math.max(seconds, 1)], [0, WIDTH])
  const middle = ({ atS, lengthS }: Interval) => x(atS + lengthS / 2)
  const mark = (d: string | null, className: string): Mark => (d === null ? '' : `<path class="${className}" d="${d}"/>`)
  const lineOf = (className: string, place: Place): Mark => {
    const drawn = line<Interval>(middle, (one) => place(one) ?? 0).defined((one) => place(one) !== undefined)
    return mark(drawn(intervals), `line ${className}`)
  }
  const bandOf = (className: string, from: Place, to: Place): Mark => {
    const low = (one: Interval) => from(one) ?? 0
    const high = (one: Interval) => to(one) ?? 0
    const drawn = area<Interval>(middle, low, high).defined((one) => from(one) !== undefined && to(one) !== undefined)
    return mark(drawn(intervals), className)
  }
  return { x, lineOf, bandOf }
}

/** What readers asked and wrote. */
export function requestsPanel(summary: Summary): Mark {
  const { x, lineOf, bandOf } = overTime(summary)
  const readsPerS = (one: Interval) => one.reads / one.lengthS
  const y = scaleLinear([0, Math.max(1, ...summary.intervals.map(readsPerS))], [HEIGHT, 0]).nice(4)
  const reads = (one: Interval) => y(readsPerS(one))
  const writes = (one: Interval) => y(one.writes / one.lengthS)
  const marks = [bandOf('tide faint', () => HEIGHT, reads), lineOf('tide', reads), lineOf('origin', writes)]
  const legend = [['tide', 'reads'] as const, ['origin', 'writes'] as const]
  const ticks = y.ticks(4).map((value) => ({ at: y(value), text: count(value) }))
  return panel({ title: 'Requests per second', legend, ticks, x, marks })
}

/** Each layer's share of the values that reads were made of. */
export function layersPanel(summary: Summary): Mark {
  const { x, bandOf } = overTime(summary)
  const y = scaleLinear([0, 1], [HEIGHT, 0])
  const share = (of: (shares: Layers) => number) => (one: Interval) => {
    const { memory, shared, origin } = one.layers
    return memory + shared + origin > 0 ? y(of(sharesOf(one.layers))) : undefined
  }
  const [none, memory, cached, all] = [
    share(() => 0),
    share((shares) => shares.memory),
    share((shares) => 1 - shares.origin),
    share(() => 1),
  ]
  const marks = [bandOf('area memory', none, memory), bandOf('area shared', memory, cached), bandOf('area origin', cached, all)]
  const legend = [['memory', 'memory'] as const, ['shared', 'Redis'] as const, ['origin', 'origin'] as const]
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((value) => ({ at: y(value), text: `${100 * value} %` }))
  return panel({ title: 'Where values came from', legend, ticks, x, marks })
}

/** On a logarithmic axis: a miss takes many times what a hit takes. */
export function latencyPanel(summary: Summary): Mark {
  const { x, lineOf, bandOf } = overTime(summary)
  const measured = summary.intervals.flatMap(({ latency }) => latency ?? [])
  const least = Math.min(1, ...measured.map(({ p50Ms }) => p50Ms))
  const most = Math.max(10, ...measured.map(({ p99Ms }) => p99Ms))
  const y = scaleLog([least, most], [HEIGHT, 0]).nice()
  const p50 = ({ latency }: Interval) => latency && y(latency.p50Ms)
  const p99 = ({ latency }: Interval) => latency && y(latency.p99Ms)
  const marks = [bandOf('tide faint', p50, p99), lineOf('origin', p99), lineOf('tide', p50)]
  const legend = [['tide', 'p50'] as const, ['origin', 'p99'] as const]
  const tens = y.ticks().filter((value) => /^(?:10*|0\.0*1)$/.test(String(value)))
  return panel({
    title: 'Latency of reads',
    legend,
    ticks: tens.map((value) => ({ at: y(value), text: ms(value).replace('.0', '') })),
    x,
    marks,
  })
}

/** Each post that was watched, against the promise. */
export function freshnessPanel(summary: Summary): Mark {
  const { sightings, freshness } = summary
  const { x } = overTime(summary)
  const seen = sightings.flatMap((one) => (one.seenAfterMs === undefined ? [] : [{ ...one, seenAfterMs: one.seenAfterMs }]))
  const mostMs = Math.max(freshness.promisedMs * 1.1, ...seen.map(({ seenAfterMs }) => seenAfterMs))
  const y = scaleLinear([0, mostMs / 1_000], [HEIGHT, 0])
  const promise = y(freshness.promisedMs / 1_000)
  const dots = seen.map(({ postedAtS, seenAfterMs, delivery }) => {
    const [left, top] = [x(postedAtS).toFixed(1), y(seenAfterMs / 1_000).toFixed(1)]
    return `<circle class="dot ${delivery === 'pulled' ? 'origin' : 'tide'}" cx="${left}" cy="${top}" r="3.5"/>`
  })
  const marks = [
    ...dots,
    `<line class="promise" x1="0" x2="${WIDTH}" y1="${promise.toFixed(1)}" y2="${promise.toFixed(1)}"/>`,
    `<text class="note promised" x="${WIDTH}" y="${(promise - 6).toFixed(1)}" text-anchor="end">promised</text>`,
  ]
  const legend = [
    ['tide', `pushed (${count(freshness.pushed.posts)})`] as const,
    ['origin', `pulled (${count(freshness.pulled.posts)})`] as const,
  ]
  const ticks = y.ticks(5).map((value) => ({ at: y(value), text: `${value} s` }))
  return panel({ title: 'From post to seen', legend, ticks, x, marks })
}
