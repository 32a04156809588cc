import { type SQL, sql } from 'drizzle-orm'
import { milliseconds, type Queryable } from './client.ts'
import { NEVER_FAILED } from './lag.ts'
import { type EdgeShares, readEdgeShares } from './savings.ts'
import { type InForceNote, readInForce } from './settings.ts'

/** How fan-out stands. Ages are milliseconds; null where there is nothing that could be old. */
export interface FanoutStatus {
  readonly lanes: readonly LaneStatus[]
  readonly debts: readonly Debt[]
  /** Null before the first step of the tiers. */
  readonly inForce: InForceNote | null
  readonly authors: AuthorModes
  /** Null where nobody follows anybody, or nothing is known of it yet. */
  readonly edges: EdgeShares | null
}

/** Everything at about one moment. With `exact` every edge is counted, which takes seconds per ten million. */
export async function readFanoutStatus(db: Queryable, { exact }: { readonly exact: boolean }): Promise<FanoutStatus> {
  return {
    lanes: await readLanes(db),
    debts: await readDebts(db),
    inForce: (await readInForce(db)) ?? null,
    authors: await countModes(db),
    edges: (await readEdgeShares(db, exact)) ?? null,
  }
}

export interface LaneStatus {
  readonly lane: 'small' | 'big'
  /** Jobs whose turn is to come, and how long the oldest of them has waited. */
  readonly queued: number
  readonly oldestMs: number | null
  /** Jobs that failed and were put off. */
  readonly postponed: number
  /** Chunks that Redis acknowledged within the last minute. */
  readonly delivered: number
  /** From the commit of the post to that acknowledgement. */
  readonly p50Ms: number | null
  readonly p99Ms: number | null
}

/** Both lanes: what waits, and how long what was delivered had waited. Some 150 ms where 100,000 jobs wait and 60,000 chunks were delivered. */
export async function readLanes(db: Queryable): Promise<LaneStatus[]> {
  const rows = await db.execute<{
    lane: number
    queued: number
    oldest: number | null
    postponed: number
    delivered: number
    latency: [number, number] | null
  }>(sql`
    with waiting as (
      select lane, count(*) filter (where ${NEVER_FAILED})::int as queued, count(*) filter (where not (${NEVER_FAILED}))::int as postponed,
        ${milliseconds(sql`now() - min(queued_at) filter (where ${NEVER_FAILED})`)} as oldest
      from fanout_jobs group by lane
    ), delivered as (
      select lane, count(*)::int as delivered, percentile_cont(array[0.5, 0.99]) within group (order by ${milliseconds(sql`pushed_at - queued_at`)}) as latency
      from fanout_chunks where pushed_at > now() - interval '1 minute' group by lane
    )
    select lane, coalesce(queued, 0) as queued, oldest, coalesce(postponed, 0) as postponed, coalesce(delivered, 0) as delivered, latency
    from (values (0::smallint), (1::smallint)) l(lane) left join waiting using (lane) left join delivered using (lane) order by lane`)
  return rows.map(({ lane, queued, oldest, postponed, delivered, latency }) => ({
    lane: lane === 0 ? 'small' : 'big',
    queued,
    oldestMs: oldest,
    postponed,
    delivered,
    p50Ms: latency?.[0] ?? null,
    p99Ms: latency?.[1] ?? null,
  }))
}

export interface Debt {
  readonly owed: 'chunks to push' | 'keys to invalidate' | 'histories to copy' | 'rows to clean' | 'dead jobs'
  readonly count: number
  readonly oldestMs: number | null
}

/** What Postgres still has to tell somebody, and what waits for a person. */
export async function readDebts(db: Queryable): Promise<Debt[]> {
  const one = (owed: Debt['owed'], from: SQL, since: SQL) =>
    sql`select ${owed}::text as owed, count(*)::int as count,
      case when count(*) > 0 then greatest(0, ${milliseconds(sql`now() - min(${since})`)}) end as "oldestMs" from ${from}`
  return db.execute<Debt & Record<string, unknown>>(
    sql.join(
      [
        one('chunks to push', sql`fanout_chunks where pushed_at is null`, sql`inserted_at`),
        one('keys to invalidate', sql`invalidations where done_at is null`, sql`created_at`),
        one('histories to copy', sql`backfills`, sql`due_at`),
        one('rows to clean', sql`cleanups`, sql`due_at`),
        one('dead jobs', sql`dead_jobs`, sql`died_at`),
      ],
      sql` union all `,
    ),
  )
}

/** Authors by what becomes of their next post. Who is announced is still pushed. */
export interface AuthorModes {
  readonly pulled: number
  readonly announced: number
  readonly demoted: number
  readonly hot: number
  /** Candidates that are pushed: timelines know them, so they may be announced. */
  readonly candidates: number
}

export async function countModes(db: Queryable): Promise<AuthorModes> {
  const [row] = await db.execute<AuthorModes & Record<string, unknown>>(sql`
    select count(*) filter (where route = 'pull')::int as pulled, count(*) filter (where route = 'announced')::int as announced,
      count(*) filter (where route = 'demoted')::int as demoted, count(*) filter (where route = 'push')::int as candidates,
      (select count(*) from authors where hot and route <> 'pull')::int as hot
    from authors where candidate_since is not null`)
  return row ?? { pulled: 0, announced: 0, demoted: 0, hot: 0, candidates: 0 }
}
