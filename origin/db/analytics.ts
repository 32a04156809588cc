import { type SQL, sql } from 'drizzle-orm'
import type { Database, Queryable } from './client.ts'
import { quantileOf } from './histogram.ts'

/** What is written and asked of the rollup of requests (docs/analytics.md). */

export const BUCKET_MS = 10_000

const CLASSES = ['tl', 'crowd', 'au', 'po', 'us', 'vw'] as const
const LAYERS = ['memory', 'shared', 'origin'] as const
type KeyClass = (typeof CLASSES)[number]
type Layer = (typeof LAYERS)[number]
const ANSWERS = CLASSES.flatMap((keyClass) => LAYERS.map((layer) => `${keyClass}_${layer}` as const))
const COUNTERS = [
  'requests',
  'degraded',
  'total_ms',
  'shared_ms',
  'origin_ms',
  'collapsed',
  'stale',
  'history',
  'shared_reads',
  'loads',
  'load_failures',
  'early',
  'leases_granted',
  'leases_refused',
  'fills_refused',
  'dropped',
] as const
/** The columns that are sums. */
export const SUMS = [...ANSWERS, ...COUNTERS] as const
export type Sums = Record<(typeof SUMS)[number], number>

/** What 10 s of requests of one kind came to. */
export interface RollupRow {
  readonly bucketAtMs: number
  readonly route: string
  readonly statusClass: string
  readonly layer: string
  readonly sums: Sums
  /** Requests by bin of their latency. */
  readonly latencies: readonly number[]
}

const column = (name: string): SQL => sql`${sql.identifier(name)}`
const list = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `)

/**
 * Adds rows to the rollup in one statement. Rows are locked in the order of their key, so that several origins never wait for each
 * other in a circle, and the commit does not wait for the disk: a crash may cost the last moments.
 */
export async function addToRollup(db: Database, rows: readonly RollupRow[]): Promise<void> {
  const json = JSON.stringify(
    rows.map(({ bucketAtMs, route, statusClass, layer, sums, latencies }) => ({
      bucket_at: new Date(bucketAtMs).toISOString(),
      route,
      status_class: statusClass,
      layer,
      ...sums,
      latencies,
    })),
  )
  const sums = SUMS.map(column)
  await db.transaction(async (tx) => {
    await tx.execute(sql`select set_config('synchronous_commit', 'off', true)`)
    await tx.execute(sql`
      insert into analytics as a (bucket_at, route, status_class, layer, ${list(sums)}, latencies)
      select bucket_at, route, status_class, layer, ${list(sums)}, latencies
      from json_to_recordset(${json}::json) r(bucket_at timestamptz, route text, status_class text, layer text,
        ${list(sums.map((name) => sql`${name} bigint`))}, latencies bigint[])
      order by bucket_at, route, status_class, layer
      on conflict (bucket_at, route, status_class, layer) do update set
        ${list(sums.map((name) => sql`${name} = a.${name} + excluded.${name}`))},
        latencies = array(select coalesce(x, 0) + coalesce(y, 0)
          from unnest(a.latencies, excluded.latencies) with ordinality u(x, y, bin) order by bin)`)
  })
}

/** Forgets what is older, at most `limit` rows; answers how many. */
export async function pruneRollup(db: Queryable, hours: number, limit: number): Promise<number> {
  const gone = await db.execute(sql`
    delete from analytics where ctid in (
      select ctid from analytics where bucket_at < now() - make_interval(hours => ${hours}) order by bucket_at limit ${limit})
    returning 1`)
  return gone.length
}

export interface RouteAnalytics {
  readonly route: string
  readonly requests: number
  /** Within 5 %, milliseconds. */
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  /** Requests by status class, for instance `2xx`. */
  readonly statuses: Readonly<Record<string, number>>
}

export interface Analytics {
  readonly sinceMs: number
  readonly untilMs: number
  /** Answers to keys, by their class and by the layer they came from. */
  readonly classes: Readonly<Record<KeyClass, Readonly<Record<Layer, number>>>>
  /** The same over all classes. */
  readonly answers: Readonly<Record<Layer, number>>
  readonly totals: Readonly<Record<(typeof COUNTERS)[number], number>>
  /** Requests by status class. */
  readonly statuses: Readonly<Record<string, number>>
  /** Busiest first. */
  readonly routes: readonly RouteAnalytics[]
  /** Of all routes together. */
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
}

interface Kind {
  readonly route: string
  readonly status_class: string
  /** Postgres sums bigints to numeric, which arrives as text. */
  readonly sums: readonly string[]
}

/** All that happened between two moments (epoch milliseconds; whole buckets of 10 s that begin in between), of one route or of all. */
export async function readAnalytics(db: Queryable, sinceMs: number, untilMs: number, route?: string): Promise<Analytics> {
  const within = between(sinceMs, untilMs, route)
  const kinds = await db.execute<Kind & Record<string, unknown>>(sql`
    select route, status_class, array[${list(SUMS.map((name) => sql`sum(${column(name)})::text`))}] as sums
    from analytics where ${within} group by route, status_class`)
  const bins = await db.execute<{ route: string; bin: number; requests: string }>(sql`
    select route, bin::int - 1 as bin, sum(n)::text as requests
    from analytics, unnest(latencies) with ordinality u(n, bin) where ${within} and n > 0 group by route, bin`)

  const sums = sumOf(kinds)
  const byRoute = Map.groupBy(kinds, (kind) => kind.route)
  const routes = [...byRoute].map(([name, ofRoute]) => ({
    route: name,
    requests: sumOf(ofRoute).requests,
    ...quantilesOf(bins.filter((bin) => bin.route === name)),
    statuses: statusesOf(ofRoute),
  }))
  const classes = Object.fromEntries(
    CLASSES.map((keyClass) => [keyClass, Object.fromEntries(LAYERS.map((layer) => [layer, sums[`${keyClass}_${layer}`]]))]),
  ) as Analytics['classes']
  const answers = Object.fromEntries(
    LAYERS.map((layer) => [layer, CLASSES.reduce((sum, keyClass) => sum + classes[keyClass][layer], 0)]),
  ) as Analytics['answers']
  const totals = Object.fromEntries(COUNTERS.map((name) => [name, sums[name]])) as Analytics['totals']
  routes.sort((a, b) => b.requests - a.requests || (a.route < b.route ? -1 : 1))
  return { sinceMs, untilMs, classes, answers, totals, statuses: statusesOf(kinds), routes, ...quantilesOf(bins) }
}

export interface MinuteAnalytics {
  /** Its start (epoch milliseconds). */
  readonly atMs: number
  readonly requests: number
  readonly answers: Readonly<Record<Layer, number>>
  readonly dropped: number
}

/** The same minute by minute, in short. */
export async function readMinutes(db: Queryable, sinceMs: number, untilMs: number, route?: string): Promise<MinuteAnalytics[]> {
  const over = (layer: Layer) =>
    sql.join(
      CLASSES.map((keyClass) => column(`${keyClass}_${layer}`)),
      sql` + `,
    )
  const rows = await db.execute<Record<Layer | 'at_ms' | 'requests' | 'dropped', string>>(sql`
    select extract(epoch from date_trunc('minute', bucket_at, 'UTC')) * 1000 as at_ms, sum(requests) as requests, sum(dropped) as dropped,
      sum(${over('memory')}) as memory, sum(${over('shared')}) as shared, sum(${over('origin')}) as origin
    from analytics where ${between(sinceMs, untilMs, route)} group by 1 order by 1`)
  return rows.map(({ at_ms, requests, dropped, memory, shared, origin }) => ({
    atMs: Number(at_ms),
    requests: Number(requests),
    answers: { memory: Number(memory), shared: Number(shared), origin: Number(origin) },
    dropped: Number(dropped),
  }))
}

const between = (sinceMs: number, untilMs: number, route: string | undefined): SQL => sql`
  bucket_at >= ${bucketOf(sinceMs)}::timestamptz and bucket_at < ${new Date(untilMs).toISOString()}::timestamptz
  and ${route === undefined ? sql`true` : sql`route = ${route}`}`
const bucketOf = (ms: number): string => new Date(ms - (ms % BUCKET_MS)).toISOString()

function sumOf(kinds: readonly Kind[]): Sums {
  return Object.fromEntries(SUMS.map((name, i) => [name, kinds.reduce((sum, kind) => sum + Number(kind.sums[i]), 0)])) as Sums
}

function statusesOf(kinds: readonly Kind[]): Record<string, number> {
  const byStatus = Map.groupBy(kinds, (kind) => kind.status_class)
  return Object.fromEntries([...byStatus].map(([status, some]) => [status, sumOf(some).requests]).sort())
}

function quantilesOf(bins: readonly { readonly bin: number; readonly requests: string }[]) {
  const counts: number[] = []
  for (const { bin, requests } of bins) {
    while (counts.length <= bin) counts.push(0)
    counts[bin] = (counts[bin] ?? 0) + Number(requests)
  }
  return { p50Ms: quantileOf(counts, 0.5), p90Ms: quantileOf(counts, 0.9), p99Ms: quantileOf(counts, 0.99) }
}
