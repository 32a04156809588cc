import type { Analytics, MinuteAnalytics } from '../origin/db/analytics.ts'
import { table } from './table.ts'

const CLASS_NAMES = {
  tl: 'tl     timelines',
  vw: 'vw     viewers',
  crowd: 'crowd  who is pulled',
  au: "au     authors' lists",
  po: 'po     posts',
  us: 'us     profiles',
} as const
type Layers = Analytics['answers']
type Row = readonly string[]

/** Analytics as text for people. `last` is the time asked for as it was typed. */
export function reportOf(analytics: Analytics, last: string, route?: string, minutes?: readonly MinuteAnalytics[]): string {
  const { totals } = analytics
  const of = route === undefined ? '' : ` to ${route}`
  if (totals.requests === 0 && totals.dropped === 0) return nothing(last, of)
  const classes = Object.entries(CLASS_NAMES).map(([keyClass, name]) => [name, ...sharesOf(analytics.classes[keyClass as 'tl'])])
  const sections = [
    `${number(totals.requests)} requests${of} in the last ${last}`,
    table([['parts of answers', 'read', 'from memory', 'from L2', 'from origin'], ...classes, ['all', ...sharesOf(analytics.answers)]]),
    table([['while answering', ''], ...servedOf(analytics)]),
    // Work is the isolate's, whatever route asked for it.
    ...(route === undefined ? [table([['work of the isolates', ''], ...workOf(analytics)])] : []),
    table([['route', 'requests', 'p50 ms', 'p90 ms', 'p99 ms', 'statuses'], ...routesOf(analytics)], 'statuses'),
    ...(minutes
      ? [table([['minute (UTC)', 'requests', 'from memory', 'from L2', 'from origin', 'dropped'], ...minutes.map(minuteOf)])]
      : []),
  ]
  return `${sections.join('\n\n')}\n`
}

const nothing = (last: string, of: string): string =>
  `no request${of} in the last ${last}

Points arrive within two seconds of a request, where the worker runs with ANALYTICS_SINK=origin; "npm start" sets it. Open a feed and
ask again, or look further back with --last 1h. A deployed worker writes to Workers Analytics Engine instead: docs/analytics.md.
`

function servedOf({ totals }: Analytics): Row[] {
  return [
    ['stale parts served', number(totals.stale)],
    ["parts that shared another reader's work", number(totals.collapsed)],
    ['degraded answers', number(totals.degraded)],
    ['waited for L2, ms per request', mean(totals.shared_ms, totals.requests)],
    ['waited for the origin, ms per request', mean(totals.origin_ms, totals.requests)],
    ['reads of history below the caches', number(totals.history)],
  ]
}

function workOf({ totals }: Analytics): Row[] {
  return [
    ['reads of L2', number(totals.shared_reads)],
    ['loads of the origin', `${number(totals.loads)}, ${mean(1_000 * totals.loads, totals.requests)} per 1,000 requests`],
    ['loads that failed', number(totals.load_failures)],
    ['early refreshes (X-Fetch)', number(totals.early)],
    ['leases granted', number(totals.leases_granted)],
    ['leases refused', number(totals.leases_refused)],
    ['fills refused', number(totals.fills_refused)],
    ['points of analytics dropped', number(totals.dropped)],
  ]
}

function routesOf({ routes, totals, statuses, p50Ms, p90Ms, p99Ms }: Analytics): Row[] {
  const all = { route: 'all', requests: totals.requests, p50Ms, p90Ms, p99Ms, statuses }
  return [...routes, all].map((line) => [
    line.route,
    number(line.requests),
    ...[line.p50Ms, line.p90Ms, line.p99Ms].map((ms) => (ms < 10 ? ms.toFixed(1) : number(Math.round(ms)))),
    Object.entries(line.statuses)
      .map(([status, requests]) => `${status} ${number(requests)}`)
      .join('  '),
  ])
}

const minuteOf = ({ atMs, requests, answers, dropped }: MinuteAnalytics): Row => [
  new Date(atMs).toISOString().slice(0, 16).replace('T', ' '),
  number(requests),
  ...sharesOf(answers).slice(1),
  number(dropped),
]

function sharesOf({ memory, shared, origin }: Layers): Row {
  const read = memory + shared + origin
  const share = (part: number) => (read === 0 ? '-' : `${((100 * part) / read).toFixed(1)} %`)
  return [number(read), share(memory), share(shared), share(origin)]
}

const mean = (sum: number, count: number): string => (count === 0 ? '-' : (sum / count).toFixed(2))
const number = (count: number): string => count.toLocaleString('en')
