import type { Machine } from '../../cache/machine.ts'
import { median, type Spread, spreadOf } from '../../cache/statistics.ts'
import { figure, spreadText } from '../../cache/tables.ts'
import type { FollowGraph } from './graph.ts'
import { PUSH, type Routing } from './replay.ts'
import type { Measured } from './run.ts'
import { databaseWorkOf, evenFollowers, minimumOf, PARTS, scaled, workAt } from './totals.ts'
import { count, DEFAULT } from './ways.ts'

/** Reads for each post. */
export const RATIOS = [10, 50, 200, 1_000]
/** An author's list is loaded at most once in its soft life of five minutes. */
const LIST_LOADS_A_DAY = 288

type PartName = (typeof PARTS)[number]

/** One way to deliver on one graph; times in seconds of a day's work, sizes in bytes; medians of all rounds where nothing else is said. */
export interface Point {
  readonly name: string
  readonly routing: Routing
  readonly counts: Readonly<Record<PartName, number>>
  /** Database work of each part. */
  readonly parts: Readonly<Record<PartName, number>>
  /** Database work by ratio. */
  readonly work: Readonly<Record<number, Spread>>
  readonly cpuS: number
  readonly walBytes: number
  readonly redisCpuS: number
  readonly waitedShare: number
  readonly loadMs: readonly [p50: number, p99: number]
  readonly deliveryMs: readonly [p50: number, p99: number, most: number]
}

export interface Curve {
  readonly name: string
  readonly users: number
  readonly edges: number
  readonly mostFollowed: number
  readonly readers: number
  readonly present: number
  readonly reads: number
  readonly posts: number
  readonly days: number
  /** CPU seconds that a byte of WAL costs a standby. */
  readonly price: number
  /** What a follower more of an author costs for each post: a row with what leaves for it, or an edge of a hot post (seconds of database work). */
  readonly perFollower: { readonly row: number; readonly hot: number }
  readonly points: readonly Point[]
}

interface Facts extends Omit<Curve, 'name' | 'users' | 'edges' | 'mostFollowed' | 'perFollower' | 'points'> {
  readonly graph: FollowGraph
  readonly rounds: readonly (readonly Measured[])[]
}

export function curveOf({ graph, rounds, price, ...facts }: Facts): Curve {
  const ways = rounds[0]?.map(({ way }) => way) ?? []
  const points = ways.map((way): Point => {
    const all = rounds.flatMap((round) => round.filter((one) => one.way.name === way.name))
    const middle = (of: (one: Measured) => number) => median(all.map(of))
    const byPart = (of: (one: Measured, name: PartName) => number) =>
      Object.fromEntries(PARTS.map((name) => [name, middle((one) => of(one, name))])) as Record<PartName, number>
    return {
      ...way,
      counts: byPart(({ parts }, name) => parts[name].count),
      parts: byPart(({ parts }, name) => databaseWorkOf(scaled(parts[name].each, parts[name].count), price)),
      work: Object.fromEntries(
        RATIOS.map((ratio) => [ratio, spreadOf(all.map(({ parts }) => databaseWorkOf(workAt(parts, ratio), price)))]),
      ),
      cpuS: middle(({ work }) => work.cpuS),
      walBytes: middle(({ work }) => work.walBytes),
      redisCpuS: middle(({ work }) => work.redisCpuS),
      waitedShare: middle(({ waitedShare }) => waitedShare),
      loadMs: [middle(({ loadMs }) => loadMs(0.5)), middle(({ loadMs }) => loadMs(0.99))],
      deliveryMs: [
        middle(({ deliveryMs }) => deliveryMs(0.5)),
        middle(({ deliveryMs }) => deliveryMs(0.99)),
        middle(({ deliveryMs }) => deliveryMs(1)),
      ],
    }
  })
  const { name, users, edges, followers } = graph
  const follower = (mode: 'row' | 'hot') => median(rounds.flatMap(([one]) => (one ? [databaseWorkOf(one.perFollower[mode], price)] : [])))
  const mostFollowed = followers[0] ?? 0
  return { name, users, edges, mostFollowed, ...facts, price, perFollower: { row: follower('row'), hot: follower('hot') }, points }
}

/** Is the default where it should be at 50:1? */
export interface Verdict {
  readonly lowest: string
  /** Work of the default over the lowest. */
  readonly aboveLowest: number
  /** Work of the default over pure push, and over pure pull. */
  readonly ofPush: number
  readonly ofPull: number
}

/** `byDefault`: the name of the default's point. */
export function verdictOf({ points }: Pick<Curve, 'points'>, byDefault: string, ratio = 50): Verdict {
  const works = new Map(points.map(({ name, work }) => [name, work[ratio]?.median ?? Number.NaN]))
  const of = (name: string) => works.get(name) ?? Number.NaN
  const lowest = minimumOf(works)
  return {
    lowest: lowest.at,
    aboveLowest: of(byDefault) / lowest.value - 1,
    ofPush: of(byDefault) / of('push'),
    ofPull: of(byDefault) / of('pull'),
  }
}

/** What one unit of a part costs, at the point that has most of it (seconds). */
export function priceOf({ points }: Pick<Curve, 'points'>, part: PartName, at = (one: Point) => one.counts[part]): number {
  const best = points.filter(({ counts }) => counts[part] > 0).sort((a, b) => at(b) - at(a))[0]
  return best ? best.parts[part] / best.counts[part] : Number.NaN
}

export function documentOf(curves: readonly Curve[], machine: Machine): string {
  return `# What delivery costs, by threshold

Made by \`npm run bench:fanout\` (the scenario \`curve\`), ${machine.at.slice(0, 10)}, commit ${machine.commit}; ${machine.cpus} × ${machine.cpu}, ${machine.memoryGb} GB, ${machine.system}; Node ${machine.node}, Redis ${machine.redis}.
[Where the threshold comes from](../../docs/decisions/0018-where-the-threshold-comes-from.md) says what follows from it.

${ABOUT}

${curves.map(sectionOf).join('\n')}`
}

const ABOUT = `**Run**, against a real Postgres and Redis: the origin's own statements. Fan-out of samples of the day's posts through the queue and one worker with its pushes, by bands of followers; the cut of
rows that newer ones push out; the loads of \`tl:\`, \`au:\` and \`mg:\` from tables as they are under each threshold. **Counted**, on virtual time: which reads of two days reach the origin, by the worker's own
lives, one load per key and end (leases); the second day counts. Samples are scaled to the day; spreads are of the rounds. **Left out**, because it is the same whichever way: the post's own
transaction, profiles, bodies, the reader's own list; full-page images after a checkpoint (\`full_page_writes\` off); autovacuum. Timelines hold the days of past posts that are said, not years.

**Database work** is the CPU of all processes of Postgres and, for each byte of WAL, what a standby pays to apply it, measured in the same run. A row written makes, in the end, another row leave: both are counted.`

function sectionOf(curve: Curve): string {
  const { points, price } = curve
  const n = (value: number) => value.toLocaleString('en-US')
  const head = `| | work | CPU | WAL | Redis | rows written | edges of hot posts | timelines loaded | lists loaded | merges | reads that waited | load p50 / p99 | delivery p50 / p99 / most |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |`
  const lines = points.map(
    ({ name, work, counts, cpuS, walBytes, redisCpuS, waitedShare, loadMs, deliveryMs }) =>
      `| ${name} | ${work[50] ? spreadText(work[50]) : '–'} s | ${figure(cpuS)} s | ${figure(walBytes / 1e6)} MB | ${figure(redisCpuS)} s | ${n(counts.rows)} | ${n(counts.hot)} | ${n(counts.fills)} | ${n(counts.lists)} | ${n(counts.merges)} | ${figure(waitedShare * 100)} % | ${loadMs.map(figure).join(' / ')} ms | ${deliveryMs.map(figure).join(' / ')} ms |`,
  )
  const sweep = points.map(
    ({ name, work }) => `| ${name} | ${RATIOS.map((ratio) => (work[ratio] ? `${spreadText(work[ratio])} s` : '–')).join(' | ')} |`,
  )
  const shares = points.map(({ name, parts }) => `| ${name} | ${PARTS.map((part) => `${figure(parts[part])} s`).join(' | ')} |`)
  const each = PARTS.map((part) => `${part} ${figure(priceOf(curve, part) * 1e6)} µs`).join(', ')
  const list = priceOf(curve, 'lists', ({ counts }) => -counts.lists)
  const { row, hot } = curve.perFollower
  const even = [1, 3, 10, 30].map(
    (posts) =>
      `| ${posts} | ${n(Math.round(evenFollowers(list, LIST_LOADS_A_DAY, row, posts)))} | ${n(Math.round(evenFollowers(list, LIST_LOADS_A_DAY, hot, posts)))} |`,
  )
  const verdict = verdictOf(curve, DEFAULT)
  const routing = points.find(({ name }) => name === DEFAULT)?.routing ?? PUSH
  return `## ${curve.name}

${n(curve.users)} people, ${n(curve.edges)} follows, ${n(curve.mostFollowed)} followers at most; ${n(curve.readers)} read within 30 days, ${n(curve.present)} have a timeline in L2; ${n(curve.reads)} reads and ${n(curve.posts)} posts
a day; ${figure(curve.days)} days of past posts; a byte of WAL costs a standby ${figure(price * 1e9)} ns.

${head}
${lines.join('\n')}

Lowest at 50:1: **${verdict.lowest}**. The default (hot from ${count(routing.hotFrom)}, pulled from ${count(routing.pullFrom)}) is ${figure(verdict.aboveLowest * 100)} % above it, at ${figure(verdict.ofPush)} of pure push and ${figure(verdict.ofPull)} of pure pull.

Database work by reads for each post:

| | ${RATIOS.map((ratio) => `${n(ratio)}:1`).join(' | ')} |
| --- |${RATIOS.map(() => ' --- |').join('')}
${sweep.join('\n')}

By parts, at 50:1 (each: ${each}):

| | ${PARTS.join(' | ')} |
| --- |${PARTS.map(() => ' --- |').join('')}
${shares.join('\n')}

A follower more costs ${figure(row * 1e6)} µs for each post as a row, ${figure(hot * 1e6)} µs hot; an author's list ${figure(list * 1e6)} µs for each load. So an author's posts cost the same pulled as pushed with so
many followers who read within 30 days:

| posts a day | against rows | against hot |
| --- | --- | --- |
${even.join('\n')}
`
}
