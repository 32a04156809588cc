import { scaleLinear, scaleLog } from 'd3-scale'
import { area, line } from 'd3-shape'
import { count, ms } from './figures.ts'
import { sharesOf } from './layers.ts'
import type { Interval } from './measures.ts'
import { type Mark, panel, SIZE } from './panel.ts'
import type { Summary } from './summary.ts'

const { width: W, height: H } = SIZE.plot
const over = (lengthS: number) => scaleLinear([0, lengthS], [0, W])
/** The middle of an interval. */
const at = ({ atS, lengthS }: Interval): number => atS + lengthS / 2
const path = (d: string | null, className: string): Mark => (d === null ? '' : `<path class="${className}" d="${d}"/>`)

/** What readers asked and wrote. */
export function requestsPanel({ intervals }: Summary, lengthS: number): string {
  const x = over(lengthS)
  const reads = (one: Interval) => one.reads / one.lengthS
  const writes = (one: Interval) => one.writes / one.lengthS
  const y = scaleLinear([0, Math.max(1, ...intervals.map(reads))], [H, 0]).nice(4)
  const marks = [
    path(
      area<Interval>(
        (one) => x(at(one)),
        H,
        (one) => y(reads(one)),
      )(intervals),
      'tide faint',
    ),
    path(
      line<Interval>(
        (one) => x(at(one)),
        (one) => y(reads(one)),
      )(intervals),
      'line tide',
    ),
    path(
      line<Interval>(
        (one) => x(at(one)),
        (one) => y(writes(one)),
      )(intervals),
      'line origin',
    ),
  ]
  const ticks = y.ticks(4).map((value) => ({ at: y(value), text: count(value) }))
  return panel({
    title: 'Requests per second',
    legend: [
      ['tide', 'reads'],
      ['origin', 'writes'],
    ],
    ticks,
    x,
    marks,
  })
}

/** Each layer's share of the values that reads were made of. */
export function layersPanel({ intervals }: Summary, lengthS: number): string {
  const x = over(lengthS)
  const y = scaleLinear([0, 1], [H, 0])
  const answered = intervals.filter(({ layers }) => layers.memory + layers.shared + layers.origin > 0)
  const band = (from: (one: Interval) => number, to: (one: Interval) => number) =>
    area<Interval>(
      (one) => x(at(one)),
      (one) => y(from(one)),
      (one) => y(to(one)),
    )(answered)
  const memory = ({ layers }: Interval) => sharesOf(layers).memory
  const cached = ({ layers }: Interval) => 1 - sharesOf(layers).origin
  const marks = [
    path(
      band(() => 0, memory),
      'area memory',
    ),
    path(band(memory, cached), 'area shared'),
    path(
      band(cached, () => 1),
      'area origin',
    ),
  ]
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((value) => ({ at: y(value), text: `${100 * value} %` }))
  return panel({
    title: 'Where values came from',
    legend: [
      ['memory', 'memory'],
      ['shared', 'Redis'],
      ['origin', 'origin'],
    ],
    ticks,
    x,
    marks,
  })
}

/** On a logarithmic axis: a miss takes a hundred times what a hit takes. */
export function latencyPanel({ intervals }: Summary, lengthS: number): string {
  const x = over(lengthS)
  const measured = intervals.filter(({ latency }) => latency !== undefined)
  const p50 = ({ latency }: Interval) => latency?.p50Ms ?? 1
  const p99 = ({ latency }: Interval) => latency?.p99Ms ?? 1
  const y = scaleLog([Math.min(1, ...measured.map(p50)), Math.max(10, ...measured.map(p99))], [H, 0]).nice()
  const marks = [
    path(
      area<Interval>(
        (one) => x(at(one)),
        (one) => y(p50(one)),
        (one) => y(p99(one)),
      )(measured),
      'tide faint',
    ),
    path(
      line<Interval>(
        (one) => x(at(one)),
        (one) => y(p99(one)),
      )(measured),
      'line origin',
    ),
    path(
      line<Interval>(
        (one) => x(at(one)),
        (one) => y(p50(one)),
      )(measured),
      'line tide',
    ),
  ]
  const ticks = y
    .ticks()
    .filter((value) => /^(?:10*|0\.0*1)$/.test(String(value)))
    .map((value) => ({ at: y(value), text: ms(value).replace('.0', '') }))
  return panel({
    title: 'Latency of reads',
    legend: [
      ['tide', 'p50'],
      ['origin', 'p99'],
    ],
    ticks,
    x,
    marks,
  })
}

/** Each post that was watched, against the promise. */
export function freshnessPanel({ sightings, freshness }: Summary, lengthS: number): string {
  const x = over(lengthS)
  const seen = sightings.flatMap((one) => (one.seenAfterMs === undefined ? [] : [{ ...one, seenAfterMs: one.seenAfterMs }]))
  const most = Math.max(freshness.promisedMs * 1.1, ...seen.map(({ seenAfterMs }) => seenAfterMs))
  const y = scaleLinear([0, most / 1_000], [H, 0])
  const promise = y(freshness.promisedMs / 1_000).toFixed(1)
  const marks = [
    ...seen.map(
      ({ postedAtS, seenAfterMs, delivery }) =>
        `<circle class="dot ${delivery === 'pulled' ? 'origin' : 'tide'}" cx="${x(postedAtS).toFixed(1)}" cy="${y(seenAfterMs / 1_000).toFixed(1)}" r="3.5"/>`,
    ),
    `<line class="promise" x1="0" x2="${W}" y1="${promise}" y2="${promise}"/>`,
    `<text class="note promised" x="${W}" y="${(Number(promise) - 6).toFixed(1)}" text-anchor="end">promised</text>`,
  ]
  const ticks = y.ticks(5).map((value) => ({ at: y(value), text: `${value} s` }))
  const legend = [
    ['tide', `pushed (${count(freshness.pushed.posts)})`],
    ['origin', `pulled (${count(freshness.pulled.posts)})`],
  ] as const
  return panel({ title: 'From post to seen', legend, ticks, x, marks })
}
