import { count, minutes, ms, percent, seconds } from './figures.ts'
import type { Layers } from './layers.ts'
import type { Latency } from './measures.ts'
import type { Delays, Summary } from './summary.ts'

/** The summary for a terminal. */
export function summaryText(summary: Summary): string {
  const { traffic, latency, freshness, agreement, check } = summary
  const rows: readonly (readonly [string, string])[] = [
    [
      'requests',
      `${count(traffic.reads)} reads, ${count(traffic.writes)} writes, ${traffic.requestsPerS.toFixed(1)}/s; ${asides(summary)}`,
    ],
    ['values from', layers(summary.hitRatio)],
    ['origin', originLine(summary)],
    ['reads', latencyLine(latency.reads)],
    ...(['open', 'scroll', 'refresh', 'author', 'post'] as const).map((kind) => [`  ${kind}`, latencyLine(latency[kind])] as const),
    ['writes', latencyLine(latency.write)],
    ['freshness', `pushed  ${delays(freshness.pushed)}`],
    ['', `pulled  ${delays(freshness.pulled)}; promised: ${seconds(freshness.promisedMs)}`],
    ['problems', counts(summary.problems)],
    ['degraded', counts(summary.degraded)],
    ...(agreement
      ? ([
          ['analytics', `${layers(agreement.analytics)}, probes included`],
          [
            '',
            `${layers(agreement.clients)}, as the clients counted; they differ by ${agreement.differencePoints.toFixed(3)} points${agreement.missingPoints > 0 ? `, ${agreement.missingPoints} data points are missing` : ''}`,
          ],
        ] as const)
      : []),
    [
      'check',
      `${count(check.readers - check.differences.length)} of ${count(check.readers)} feeds (${count(check.pages)} pages, ${count(check.lines)} lines) equal the SQL query`,
    ],
    ...check.differences
      .slice(0, 5)
      .map(({ reader, line, expected, seen }) => ['', `${reader} line ${line}: ${expected} expected, ${seen} seen`] as const),
  ]
  const title = `${summary.endedEarly ? 'Ended early: ' : ''}${minutes(summary.seconds)} at ${summary.speed}×, ${count(summary.readers)} readers among ${count(summary.graph.users)} users, seed ${summary.seed}`
  return `\n${title}\n\n${rows.map(([name, text]) => `  ${name.padEnd(12)}${text}\n`).join('')}`
}

const counts = (times: Readonly<Record<string, number>>) =>
  Object.entries(times)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none'

const asides = ({ traffic }: Summary) =>
  `${count(traffic.notModified)} unchanged (304), ${count(traffic.late)} late, ${count(traffic.dropped)} dropped, ${count(traffic.retried)} retried`

const layers = ({ memory, shared, origin }: Layers) => `memory ${percent(memory)}   Redis ${percent(shared)}   origin ${percent(origin)}`

const originLine = ({ agreement, originWaitsPer1000Reads }: Summary) =>
  `${agreement ? `${agreement.originLoadsPer1000Reads.toFixed(1)} loads per 1,000 reads; ` : ''}readers waited for it ${originWaitsPer1000Reads.toFixed(1)} times in 1,000 reads`

const latencyLine = (latency: Latency | undefined) =>
  latency ? `p50 ${ms(latency.p50Ms)}   p99 ${ms(latency.p99Ms)}   max ${ms(latency.maxMs)}   of ${count(latency.count)}` : 'none'

const delays = ({ posts, p50Ms, p99Ms, maxMs, beyondPromise, unseen }: Delays) =>
  posts === 0
    ? 'no posts watched'
    : `p50 ${seconds(p50Ms)}   p99 ${seconds(p99Ms)}   max ${seconds(maxMs)}   of ${count(posts)} posts` +
      `${beyondPromise > 0 ? `, ${beyondPromise} later than promised` : ''}${unseen > 0 ? `, ${unseen} not seen` : ''}`
